// SPDX-License-Identifier: MIT
// Installing a key and its chain: inspected, written as a new version, switched to in one step, checked, and
// undone when a check fails. Killed at any instant, the pair on disk is whole.
//
//   DIR/<n>/{privkey,cert,chain,fullchain}.pem (and combined.pem), DIR/live -> <n>
#pragma once

#include <sys/types.h>

#include <variant>
#include <vector>

#include "broker/inspector/inspector.h"
#include "broker/services.h"
#include "broker/version_directory.h"
#include "policy/policy.h"
#include "protocol/messages.h"
#include "protocol/result.h"

namespace certlatch {

/// The directory, made with those above it (0755, root's) where they are missing. Every directory on the way
/// must be one that only root or the broker can rename things in, or somebody else could put another in its
/// place.
[[nodiscard]] Result<UniqueFd> open_directory(const std::string& directory, uid_t broker);

class Installer {
 public:
  /// `policy` and `services` are borrowed.
  Installer(const Policy& policy, Inspector inspect, Services& services)
      : policy_(policy), inspect_(std::move(inspect)), services_(services) {}
  virtual ~Installer() = default;

  /// As root, before confinement: makes missing directories (0755, owned by the broker), refuses one that
  /// others may write to or that belongs to anyone else, and holds a descriptor for each. Leftovers of an
  /// interrupted install go.
  Result<void> open_directories(uid_t broker, gid_t broker_group);
  /// For confinement: does any entry name an owner other than the broker, so that CAP_CHOWN must be kept?
  [[nodiscard]] bool needs_chown() const { return needs_chown_; }

  /// The whole of an Install request, refusals included. A failure leaves the old pair in place.
  virtual std::variant<Installed, Refused> install(const Install& request, const Wait& wait);
  /// The check of `service` has passed: what is staged stays, once those of all its services have.
  virtual void keep_staged(std::string_view service);
  /// Undoes what is staged for `service`, or all of it when that is empty, and says which entries, each
  /// behind a blank.
  virtual std::string undo_staged(std::string_view service);
  /// Of the entries that are meant; of all when nothing says which.
  using Meant = std::function<bool(const std::string& entry)>;
  [[nodiscard]] virtual std::vector<InstallStatus> status(const Meant& is_meant = {}) const;

 private:
  struct Staged {
    std::size_t index;
    std::optional<std::uint32_t> previous;
    std::uint32_t version;
    std::vector<std::string> unchecked;  // services
  };
  std::variant<Installed, Refused> put(std::size_t index, const NewPair& pair, bool is_staged,
                                       const Wait& wait);
  std::string undo_if(const std::function<bool(const Staged&)>& is_meant);

  const Policy& policy_;
  Inspector inspect_;
  Services& services_;
  std::vector<VersionDirectory> directories_;  // for each install entry of the policy
  std::vector<Staged> staged_;                 // at most one for each
  bool needs_chown_ = false;
};

}  // namespace certlatch
