// SPDX-License-Identifier: MIT
// The ruleset in force, as the kernel holds it: what nft made, and what iptables-nft, ufw and firewalld did.
// Read through netlink, because a host whose firewall is iptables or ufw need not have the program nft, whose
// JSON leaves out what iptables matched besides.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

struct nftnl_expr;
struct nftnl_rule;
struct nlmsghdr;

namespace certlatch {

struct Hook {
  std::string type;  // "filter", "nat", "route"
  std::uint32_t number = 0;
  std::int32_t priority = 0;
  bool drops_by_policy = false;
  std::vector<std::string> devices;  // of an ingress chain
};

struct Rule {
  std::shared_ptr<nftnl_rule> whole;
  std::vector<const nftnl_expr*> statements;  // they point into it
  std::uint64_t handle = 0;
  std::string comment;
};

struct Chain {
  std::uint8_t family = 0;  // NFPROTO_*
  std::string table;
  std::string name;
  std::optional<Hook> hook;  // of a base chain
  std::vector<Rule> rules;
  [[nodiscard]] std::string place() const;  // "inet filter input"
};

struct Table {
  std::uint8_t family = 0;
  std::string name;
  bool has_owner = false;   // a process that lets nobody else change it
  bool is_dormant = false;  // none of its chains is asked
};

/// What a set or a map holds for a key.
struct Element {
  std::optional<std::uint32_t> verdict;  // of a verdict map
  std::string chain;                     // of a jump
  std::string data;                      // of any other map
};

class Firewall {
 public:
  /// Kind::refused when the caller may not look at it.
  static Result<Firewall> read();
  Firewall(Firewall&&) noexcept;
  Firewall& operator=(Firewall&&) noexcept;
  ~Firewall();

  [[nodiscard]] const std::vector<Table>& tables() const { return tables_; }
  [[nodiscard]] const std::vector<Chain>& chains() const { return chains_; }
  [[nodiscard]] const Chain* find(std::uint8_t family, std::string_view table, std::string_view name) const;

  [[nodiscard]] const Table* table_of(const Chain& chain) const;

  /// Bytes of a set's key; nothing when there is no such set.
  [[nodiscard]] std::optional<std::uint32_t> key_bytes(const Chain& chain, const std::string& set) const;
  /// The kernel looks itself, into intervals as well. An empty list when the set does not hold the key;
  /// nothing when that cannot be told.
  [[nodiscard]] std::optional<std::vector<Element>> look_up(const Chain& chain, const std::string& set,
                                                            std::string_view key) const;
  /// All of them; nothing when they cannot be read.
  [[nodiscard]] std::optional<std::vector<Element>> elements(const Chain& chain,
                                                             const std::string& set) const;

 private:
  class Kernel;
  explicit Firewall(std::unique_ptr<Kernel> kernel);
  Result<void> read_all();

  std::unique_ptr<Kernel> kernel_;
  std::vector<Table> tables_;
  std::vector<Chain> chains_;
  std::map<std::string, std::uint32_t> key_bytes_;  // by family, table and set
};

}  // namespace certlatch
