// SPDX-License-Identifier: MIT
#include "worker/import/certbot_dns.h"

#include <fmt/format.h>

namespace certlatch {
namespace {

/// Safe in a shell's command that somebody will paste.
std::string plain_path(const std::string& path) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
  const bool is_plain = path.starts_with('/') && path.find_first_not_of(kPlain) == std::string::npos;
  return is_plain ? path : "CREDENTIALS";
}

/// Moves a secret from certbot's file into one of its own, unseen.
std::string copy_command(std::string_view key, const std::string& from, const std::string& to) {
  return fmt::format(R"(sudo sed -n 's/^ *{} *= *"\{{0,1\}}\([^" ]*\).*/\1/p' {} | )"
                     "sudo install -m 0400 -o certlatch /dev/stdin {}",
                     key, plain_path(from), to);
}

ProposedDns cloudflare(const CertbotDns& certbot, std::string_view name) {
  const auto file = fmt::format("/etc/certlatch/{}", name);
  return {
      fmt::format("[dns {}]\nprovider   = cloudflare\ntoken file = {}\n", name, file),
      fmt::format(
          "[dns {}] wants an API token, alone in a file: {}\n"
          "  A global API key (dns_cloudflare_api_key) does not do: make a token with Zone:Read and DNS:Edit",
          name, copy_command("dns_cloudflare_api_token", certbot.credentials, file))};
}

ProposedDns rfc2136(const CertbotDns& certbot, std::string_view name) {
  const auto file = fmt::format("/etc/certlatch/{}.key", name);
  return {
      fmt::format("[dns {}]\n"
                  "provider  = rfc2136\n"
                  "server    = 192.0.2.53   # fill in: dns_rfc2136_server\n"
                  "# port    = 53           # dns_rfc2136_port\n"
                  "zone      = {}   # that holds the names; a section has one\n"
                  "key name  = NAME         # fill in: dns_rfc2136_name\n"
                  "key file  = {}\n"
                  "algorithm = hmac-sha512  # dns_rfc2136_algorithm; or hmac-sha256\n",
                  name, certbot.zone, file),
      fmt::format("[dns {}] has places to fill in from {}, and wants the key's secret, alone in a file: {}\n"
                  "  A key of another algorithm than HMAC-SHA256 or HMAC-SHA512 does not do",
                  name, plain_path(certbot.credentials),
                  copy_command("dns_rfc2136_secret", certbot.credentials, file))};
}

ProposedDns acme_dns(std::string_view name) {
  const auto file = fmt::format("/etc/certlatch/{}.json", name);
  return {fmt::format("[dns {}]\n"
                      "provider     = acme-dns\n"
                      "api          = https://auth.example.net   # fill in\n"
                      "account file = {}\n",
                      name, file),
          fmt::format(
              "[dns {}] wants the server's URL, and a copy of the file with its registrations, by domain: "
              "sudo install -m 0400 -o certlatch REGISTRATIONS {}",
              name, file)};
}

ProposedDns command(const CertbotDns& certbot, std::string_view name) {
  return {fmt::format("[dns {}]   # fill in; certlatch.conf(5)\n"
                      "provider  = command\n"
                      "add       = /usr/local/bin/add-record\n"
                      "remove    = /usr/local/bin/remove-record\n",
                      name),
          fmt::format(
              "there is nothing here in the place of `{}`: `add` and `remove` of [dns {}] are programs of "
              "yours, which find the TXT record in CERTLATCH_RECORD and CERTLATCH_VALUE",
              certbot.authenticator, name)};
}

}  // namespace

ProposedDns dns_in_place_of(const CertbotDns& certbot, std::string_view name) {
  if (certbot.authenticator == "dns-cloudflare") return cloudflare(certbot, name);
  if (certbot.authenticator == "dns-rfc2136") return rfc2136(certbot, name);
  if (certbot.authenticator == "dns-acmedns" || certbot.authenticator == "dns-acme-dns")
    return acme_dns(name);
  return command(certbot, name);
}

}  // namespace certlatch
