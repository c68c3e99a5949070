// SPDX-License-Identifier: MIT
#include "worker/dns/acme_dns.h"

#include <fmt/format.h>

#include <algorithm>

namespace certlatch {
namespace {

/// It becomes a header.
bool is_printable(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

bool AcmeDns::read_account(const nlohmann::json& json, Account& account) {
  account.user = text_of(json, "username");
  const auto key = text_of(json, "password");
  account.key = Secret::copy_of(key);
  account.subdomain = text_of(json, "subdomain");
  return is_printable(account.user) && is_printable(key) && is_printable(account.subdomain);
}

Result<std::unique_ptr<Provider>> AcmeDns::from(std::string base, std::string roots, const Secret& accounts) {
  const auto json = parse_api_answer(accounts.text());
  std::unique_ptr<AcmeDns> provider(new AcmeDns(std::move(base), std::move(roots)));
  const auto wrong = [] {
    return fail(
        Error::invalid("the account file is not what acme-dns answers to /register (an object with "
                       "`username`, `password` and "
                       "`subdomain`), nor an object of such objects by domain"));
  };
  if (!json) return wrong();
  if (json->contains("username"))
    return read_account(*json, provider->accounts_[""])
               ? Result<std::unique_ptr<Provider>>(std::move(provider))
               : wrong();
  for (const auto& [domain, account] : json->items())
    if (!read_account(account, provider->accounts_[domain])) return wrong();
  if (provider->accounts_.empty()) return wrong();
  return provider;
}

Result<void> AcmeDns::change(const UpdateRecord& record, Deadline deadline) {
  if (!record.is_added) return {};
  const auto domain = record.name.substr(record.name.find('.') + 1);
  auto found = accounts_.find(domain);
  if (found == accounts_.end()) found = accounts_.find("");
  if (found == accounts_.end())
    return fail(Error::refused(fmt::format("the account file has no account for {}", domain)));
  const Account& account = found->second;
  const nlohmann::json body = {{"subdomain", account.subdomain}, {"txt", record.value}};
  const auto answer = api_.send(
      "POST", "/update", {"X-Api-User: " + account.user, "X-Api-Key: " + std::string(account.key.text())},
      body.dump(), deadline);
  if (!answer) return fail(answer.error());
  if (answer->status == 200 && text_of(answer->json, "txt") == record.value) return {};
  const auto error = shown(text_of(answer->json, "error"));
  return fail(Error::refused(fmt::format("the acme-dns server refuses ({}): {}", answer->status,
                                         error.empty() ? "it gives no reason" : error)));
}

}  // namespace certlatch
