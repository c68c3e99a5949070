// SPDX-License-Identifier: MIT
#include "worker/import/certbot_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace certlatch {
namespace {

constexpr std::size_t kMaxUrl = 2048, kMaxContacts = 10, kMaxAddress = 254;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

class Reader {
 public:
  explicit Reader(std::string_view text) : left_(text) {}

  Result<CertbotText> read() {
    CertbotText whole;
    CertbotKeys* keys = &whole.keys;
    bool are_hosts = false;
    while (next_line()) {
      const auto line = trimmed(line_);
      if (line.empty() || line.front() == '#' || line.front() == ';') continue;
      if (line.front() == '[') {
        const auto first = line.find_first_not_of('['), end = line.find(']');
        if (end == line.npos || first >= end) return misunderstood();
        const auto section = trimmed(line.substr(first, end - first));
        are_hosts = section == "webroot_map";
        keys = &whole.sections[std::string(section)];
        continue;
      }
      const auto equals = line.find('=');
      if (equals == line.npos || equals == 0) return misunderstood();
      std::string key(trimmed(line.substr(0, equals)));
      if (!are_hosts) std::ranges::replace(key, '-', '_');
      auto values = values_of(trimmed(line.substr(equals + 1)));
      if (!values) return fail(values.error());
      (*keys)[key] = std::move(*values);
    }
    return whole;
  }

 private:
  bool next_line() {
    if (left_.empty()) return false;
    const auto end = std::min(left_.find('\n'), left_.size());
    line_ = left_.substr(0, end);
    left_.remove_prefix(std::min(end + 1, left_.size()));
    ++number_;
    return true;
  }

  [[nodiscard]] std::unexpected<Error> misunderstood() const {
    return fail(Error::invalid(fmt::format("line {} is not understood", number_)));
  }

  Result<std::vector<std::string>> values_of(std::string_view text) {
    std::vector<std::string> values;
    for (const std::string_view quotes : {"'''", "\"\"\""})
      if (text.starts_with(quotes)) {
        auto value = until(text.substr(3), quotes);
        if (!value) return fail(value.error());
        return std::vector{std::move(*value)};
      }
    for (;;) {
      text = trimmed(text);
      if (text.empty() || text.front() == '#') break;
      std::string_view value;
      if (text.front() == '"' || text.front() == '\'') {
        const auto end = text.find(text.front(), 1);
        if (end == text.npos) return misunderstood();
        value = text.substr(1, end - 1);
        text = trimmed(text.substr(end + 1));
        if (!text.empty() && text.front() != ',' && text.front() != '#') return misunderstood();
      } else {
        const auto end = std::min(text.find_first_of(",#"), text.size());
        value = trimmed(text.substr(0, end));
        text.remove_prefix(end);
      }
      if (!is_printable(value)) return misunderstood();
      values.emplace_back(value);
      if (!text.starts_with(',')) break;
      text.remove_prefix(1);
    }
    return values;
  }

  /// A value between triple quotes, over several lines perhaps.
  Result<std::string> until(std::string_view first, std::string_view quotes) {
    std::string value;
    for (std::string_view part = first;; part = line_) {
      const auto end = part.find(quotes);
      value += part.substr(0, end);
      if (end != part.npos) return value;
      value += '\n';
      if (!next_line()) return misunderstood();
    }
  }

  std::string_view left_, line_;
  unsigned number_ = 0;
};

}  // namespace

Result<CertbotText> read_certbot_text(std::string_view text) { return Reader(text).read(); }

Result<CertbotRenewal> read_certbot_renewal(std::string_view text, std::string_view defaults) {
  auto whole = read_certbot_text(text);
  if (!whole) return fail(whole.error());
  const auto general = read_certbot_text(defaults);
  if (!general) return fail(general.error().in("cli.ini"));
  const auto& keys = whole->sections["renewalparams"];
  const auto value_in = [](const CertbotKeys& of, const char* name) -> std::string {
    const auto found = of.find(name);
    if (found == of.end() || found->second.empty() || found->second.front() == "None") return {};
    std::string joined;
    for (const auto& one : found->second) joined += (joined.empty() ? "" : ", ") + one;
    return joined;
  };
  const auto value = [&](const char* name) { return value_in(keys, name); };
  const auto hook = [&](const char* name) {
    auto own = value(name);
    return own.empty() ? value_in(general->keys, name) : own;
  };
  CertbotRenewal renewal{.server = value("server"),
                         .account = value("account"),
                         .authenticator = value("authenticator"),
                         .installer = value("installer"),
                         .webroots = {},
                         .dns_credentials = {},
                         .key_type = value("key_type"),
                         .rsa_key_size = value("rsa_key_size"),
                         .elliptic_curve = value("elliptic_curve"),
                         .preferred_chain = value("preferred_chain"),
                         .profile = value("required_profile"),
                         .pre_hook = hook("pre_hook"),
                         .deploy_hook = value("renew_hook"),
                         .post_hook = hook("post_hook")};
  auto plugin = renewal.authenticator;
  std::ranges::replace(plugin, '-', '_');
  renewal.dns_credentials = value((plugin + "_credentials").c_str());
  if (renewal.profile.empty()) renewal.profile = value("preferred_profile");
  // Its name has changed over the years.
  if (renewal.deploy_hook.empty()) renewal.deploy_hook = hook("deploy_hook");
  if (renewal.deploy_hook.empty()) renewal.deploy_hook = value_in(general->keys, "renew_hook");
  const auto is_true = [&](const char* name) { return value(name) == "True"; };
  renewal.reuse_key = is_true("reuse_key");
  renewal.must_staple = is_true("must_staple");
  renewal.is_renewed = value("autorenew") != "False";
  if (renewal.server.empty()) return fail(Error::invalid("it does not say which CA the certificate is from"));

  const auto add_webroot = [&](std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (path.starts_with('/') && std::ranges::find(renewal.webroots, path) == renewal.webroots.end())
      renewal.webroots.push_back(std::move(path));
  };
  for (const auto& [name, paths] : whole->sections["webroot_map"])
    if (!paths.empty()) add_webroot(paths.front());
  if (renewal.webroots.empty())
    if (const auto paths = keys.find("webroot_path"); paths != keys.end())
      for (const auto& path : paths->second) add_webroot(path);
  return renewal;
}

CertbotRegistration read_certbot_registration(std::string_view json, std::string_view server) {
  CertbotRegistration registration;
  const auto object = nlohmann::json::parse(json, nullptr, false);
  if (!object.is_object()) return registration;
  // Signatures are made for the CA's own URLs only.
  constexpr std::string_view kScheme = "https://";
  const auto origin = server.substr(0, server.find('/', kScheme.size()));
  if (const auto uri = object.find("uri"); uri != object.end() && uri->is_string()) {
    const auto url = uri->get<std::string>();
    const bool is_sane = url.size() <= kMaxUrl && is_printable(url) && !url.contains(' ');
    if (is_sane && server.starts_with(kScheme) && url.starts_with(std::string(origin) + "/"))
      registration.url = url;
  }
  const auto body = object.find("body");
  if (body == object.end() || !body->is_object()) return registration;
  const auto contact = body->find("contact");
  if (contact == body->end() || !contact->is_array()) return registration;
  for (const auto& one : *contact) {
    constexpr std::string_view kMail = "mailto:";
    if (!one.is_string() || registration.contact.size() == kMaxContacts) continue;
    const auto text = one.get<std::string>();
    const bool is_sane = text.size() <= kMaxAddress && is_printable(text) && text.contains('@') &&
                         text.find_first_of(" #;,") == text.npos;
    if (is_sane && text.starts_with(kMail)) registration.contact.push_back(text.substr(kMail.size()));
  }
  return registration;
}

}  // namespace certlatch
