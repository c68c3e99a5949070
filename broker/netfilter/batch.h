// SPDX-License-Identifier: MIT
// One nftables transaction: all of its changes happen, or none does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/netfilter/netlink.h"
#include "policy/policy.h"

namespace certlatch {

/// ERESTART, which glibc keeps to itself: the ruleset is no longer of the generation that the batch was made
/// for.
inline constexpr int kStaleGeneration = 85;

class Batch {
 public:
  /// With a `generation` (ruleset.h), nothing happens unless the ruleset is still that one.
  explicit Batch(NetlinkSocket& socket, std::optional<std::uint32_t> generation = {});

  /// `type` is one of NFT_MSG_*, with its flags and its attributes; of family inet unless another is named.
  void put(int type, int flags, const std::string& attributes, Family family = Family::inet);
  void delete_table(const std::string& table);
  /// A rule at the head of its chain; `rule` is what follows table and chain in the message.
  void insert_rule(const Gate& place, const std::string& rule);
  void delete_rule(const Gate& place, std::uint64_t handle);

  [[nodiscard]] bool is_empty() const { return count_ == 0; }

  /// After an error nothing happened, with one exception: Kind::system with ENOBUFS says that the outcome is
  /// unknown. Kind::conflict names the object that is missing, or that belongs to another process.
  Result<void> commit();

 private:
  [[nodiscard]] Error explain(const nlmsghdr* answer) const;

  NetlinkSocket& socket_;
  std::uint32_t first_;  // sequence number
  std::string bytes_;
  unsigned count_ = 0;
};

}  // namespace certlatch
