// SPDX-License-Identifier: MIT
// What the main process asks of the dns process.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace certlatch {

/// The addresses of host names, as the system's resolvers know them. Answered by AddressesFound.
struct FindAddresses {
  static constexpr std::uint8_t kTag = 1;
  std::vector<std::string> names;
  std::uint32_t milliseconds = 0;  // for all of them together
  void serialize(auto& archive) { archive(names, milliseconds); }
};
/// Only as the first message: where records are to be changed (RFC 2136), with which key (TSIG, RFC 8945).
/// The key's file is read before the process confines itself. Answered by DnsDone or DnsFailed.
struct UseServer {
  static constexpr std::uint8_t kTag = 2;
  std::string address;
  std::uint16_t port = 53;
  std::string zone;
  std::string key_name;
  std::string key_file;   // the key in base64
  std::string algorithm;  // "hmac-sha256"
  void serialize(auto& archive) { archive(address, port, zone, key_name, key_file, algorithm); }
};

enum class ApiKind : std::uint8_t { cloudflare, acme_dns };
constexpr ApiKind last_of(ApiKind) { return ApiKind::acme_dns; }

/// Only as the first message: a provider's API over HTTPS, by which records are changed. Files are read, but
/// for the roots, before the process confines itself. Answered by DnsDone or DnsFailed.
struct UseApi {
  static constexpr std::uint8_t kTag = 5;
  ApiKind kind = ApiKind::cloudflare;
  std::string url;
  std::string roots;        // PEM file; empty: the system's
  std::string secret_file;  // with a token, or accounts
  std::string zone;         // of Cloudflare; empty: it is looked up
  void serialize(auto& archive) { archive(kind, url, roots, secret_file, zone); }
};

/// Adds a TXT record beside those that are there, or removes this one alone. Answered by DnsDone or
/// DnsFailed.
struct UpdateRecord {
  static constexpr std::uint8_t kTag = 3;
  std::string name;
  std::string value;
  bool is_added = true;  // false: removed
  void serialize(auto& archive) { archive(name, value, is_added); }
};
/// Who may issue for host names (RFC 8659): the CAA records that count for each, wherever in the tree they
/// are. Answered by CaaFound.
struct FindCaa {
  static constexpr std::uint8_t kTag = 4;
  std::vector<std::string> names;  // without "*."
  std::uint32_t milliseconds = 0;  // for all of them together
  void serialize(auto& archive) { archive(names, milliseconds); }
};
using DnsOrder = std::variant<FindAddresses, UseServer, UpdateRecord, FindCaa, UseApi>;

struct NameAddresses {
  std::string name;
  std::vector<std::string> addresses;  // IPv4, then IPv6
  std::string trouble;  // why the look-up did not work; empty when it did, whether there are addresses or not
  bool is_denied = false;  // the zone itself says that there are none, neither IPv4 nor IPv6
  void serialize(auto& archive) { archive(name, addresses, trouble, is_denied); }
};

struct AddressesFound {
  static constexpr std::uint8_t kTag = 0x81;
  std::vector<NameAddresses> names;  // in the order of the question
  void serialize(auto& archive) { archive(names); }
};
struct DnsDone {
  static constexpr std::uint8_t kTag = 0x82;
  void serialize(auto&) {}
};
struct DnsFailed {
  static constexpr std::uint8_t kTag = 0xff;
  std::string sentence;
  void serialize(auto& archive) { archive(sentence); }
};
struct CaaRecord {
  std::uint8_t flags = 0;
  std::string tag;
  std::string value;
  void serialize(auto& archive) { archive(flags, tag, value); }
};
struct NameCaa {
  std::string name;
  std::string owner;  // of the records: the name or a domain above it; empty when there are none
  std::vector<CaaRecord> records;
  std::string trouble;  // why the look-up did not work; a CA would not issue then
  void serialize(auto& archive) { archive(name, owner, records, trouble); }
};
struct CaaFound {
  static constexpr std::uint8_t kTag = 0x83;
  std::vector<NameCaa> names;  // in the order of the question
  void serialize(auto& archive) { archive(names); }
};

using DnsAnswer = std::variant<AddressesFound, DnsDone, DnsFailed, CaaFound>;

}  // namespace certlatch
