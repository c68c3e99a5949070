// SPDX-License-Identifier: MIT
#include "worker/acme/directory.h"

#include <fmt/format.h>

#include "worker/acme/json.h"
#include "worker/acme/printable.h"
#include "worker/acme/url.h"

namespace certlatch {
namespace {

constexpr std::string_view kWhat = "the directory";
constexpr std::size_t kMaxProfiles = 50;
constexpr std::size_t kMaxProfileBytes = 64;
constexpr std::size_t kMaxIdentities = 20;
constexpr std::size_t kMaxIdentityBytes = 253;

enum class Need : std::uint8_t { required, optional };
struct Member {
  const char* name;
  std::string Directory::*url;
  Need need;
};
constexpr Member kMembers[] = {{"newNonce", &Directory::new_nonce, Need::required},
                               {"newAccount", &Directory::new_account, Need::required},
                               {"newOrder", &Directory::new_order, Need::required},
                               {"revokeCert", &Directory::revoke_cert, Need::optional},
                               {"keyChange", &Directory::key_change, Need::optional},
                               {"renewalInfo", &Directory::renewal_info, Need::optional}};

}  // namespace

Result<Directory> read_directory(std::string_view body, std::string_view origin) {
  const auto json = parse_object(body, kWhat);
  if (!json) return fail(json.error());
  Directory directory;
  for (const Member& member : kMembers) {
    auto text = member.need == Need::required ? text_in(*json, member.name, kWhat)
                                              : optional_text_in(*json, member.name, kWhat);
    if (text && !text->empty())
      if (auto good = check_url(*text, fmt::format("the CA's {} URL", member.name), origin); !good)
        text = fail(good.error());
    if (text) directory.*member.url = std::move(*text);
    // What only some runs need is missed by those alone.
    if (!text && member.need == Need::required) return fail(text.error());
  }
  const auto meta = json->find("meta");
  if (meta == json->end() || !meta->is_object()) return directory;
  if (const auto terms = optional_text_in(*meta, "termsOfService", kWhat))
    directory.terms = printable(*terms, 200);
  directory.wants_eab = meta->value("externalAccountRequired", Json(false)) == true;
  if (const auto identities = meta->find("caaIdentities");
      identities != meta->end() && identities->is_array())
    for (const Json& one : *identities)
      if (one.is_string() && directory.caa_identities.size() < kMaxIdentities)
        directory.caa_identities.push_back(printable(one.get<std::string>(), kMaxIdentityBytes));
  if (const auto profiles = meta->find("profiles"); profiles != meta->end() && profiles->is_object())
    for (const auto& profile : profiles->items())
      if (directory.profiles.size() < kMaxProfiles)
        directory.profiles.push_back(printable(profile.key(), kMaxProfileBytes));
  return directory;
}

}  // namespace certlatch
