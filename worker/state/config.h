// SPDX-License-Identifier: MIT
// The worker's configuration, certlatch.conf(5): which certificates, from which CAs, and where they go.
// The names of openings and installs are the policy's: whether they exist, the broker says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/ini_file.h"
#include "worker/acme/messages.h"
#include "worker/keeper/messages.h"
#include "worker/state/actions.h"
#include "worker/state/ca_history.h"

namespace certlatch {

struct CaConfig {
  std::string name;
  std::string directory;             // URL
  std::string origin;                // "https://host:port" of it, as written
  std::string roots;                 // absolute path of a PEM file, or empty
  std::vector<std::string> contact;  // addresses without "mailto:"
  bool agree = false;
  KeyType account_key = KeyType::ecdsa_p256;
  std::string proxy;
  std::string preferred_chain;  // the common name of the root it should lead to
  std::string eab_kid;          // external account binding; with eab_key_file, or neither
  std::string eab_key_file;     // absolute path
  MacType eab_mac = MacType::hs256;
  std::string passphrase_file;  // absolute path; the account's key is encrypted with it
  CaLimits limits;              // what may be asked of it; kept across runs
  std::string staging;          // URL of the directory to try things out with, or empty
  unsigned line = 0;
};

/// How records for dns-01 get into the DNS.
struct DnsConfig {
  enum class Provider : std::uint8_t { command, rfc2136, cloudflare, acme_dns };
  std::string name;
  Provider provider = Provider::command;
  std::uint32_t wait = 0;  // seconds from a record's being there to its being everywhere
  // command: an absolute path and arguments, split at blanks
  std::vector<std::string> add;
  std::vector<std::string> remove;
  // rfc2136
  std::string server;  // an address
  std::uint16_t port = 53;
  std::string zone;
  std::string key_name;  // of the TSIG key
  std::string key_file;  // absolute path
  std::string algorithm = "hmac-sha256";
  // cloudflare (with `zone`, or without), acme-dns
  std::string api;          // URL
  std::string roots;        // absolute path of a PEM file, or empty
  std::string secret_file;  // absolute path: a token, or accounts
  unsigned line = 0;
};

struct CertificateConfig {
  std::string name;
  std::vector<std::string> names;  // canonical, each once, in the order of the file
  std::vector<std::string> cas;    // [ca]s of the same file; each is tried when those before it fail
  ChallengeType challenge = ChallengeType::http_01;
  std::string opening;                // an entry of the policy; empty: none is needed
  std::string dns;                    // a [dns] of the same file, for dns-01
  std::string webroot;                // absolute path: challenges are files below it, and nothing is opened
  std::vector<std::string> installs;  // entries of the policy, each in no other certificate; may be none
  KeyType key = KeyType::ecdsa_p256;
  bool reuse_key = false;
  std::uint32_t renew_at = 0;  // with so many seconds left, instead of by the lifetime; 0: as usual
  std::string csr;             // absolute path of a request whose key is elsewhere, or empty
  std::string profile;
  bool profile_is_required = false;
  std::vector<Endpoint> verify;         // where it should be served
  HookCommand before, after, deployed;  // what the worker runs
  unsigned line = 0;
};

struct Config {
  std::uint32_t parallel = 8;
  std::string user_agent;
  std::uint32_t jitter = 0;  // seconds: a run without a terminal waits for a random part of it
  std::string metrics;       // absolute path of the file for Prometheus, or empty
  std::vector<CaConfig> cas;
  std::vector<DnsConfig> dns_sections;
  std::vector<CertificateConfig> certificates;

  // nullptr when there is none of that name.
  [[nodiscard]] const CaConfig* ca(std::string_view name) const;
  [[nodiscard]] const DnsConfig* dns(std::string_view name) const;
  /// Of all certificates, each once.
  [[nodiscard]] std::vector<std::string> install_entries() const;
  [[nodiscard]] const CertificateConfig* certificate(std::string_view name) const;
};

/// Either a configuration, or every fault found in the text, in the order of their lines; never both.
struct ConfigReading {
  std::optional<Config> config;
  std::vector<Fault> faults;
};

inline constexpr std::size_t kMaxConfigBytes = 16 * 1024 * 1024;
/// More than any public CA puts into one certificate; keeps every message within a frame.
inline constexpr std::size_t kMaxNames = 100;

/// Touches nothing but its arguments.
[[nodiscard]] ConfigReading read_config(std::string_view text, std::string_view file);
/// A file that cannot be read is a fault with line 0.
[[nodiscard]] ConfigReading load_config(const std::string& path);

}  // namespace certlatch
