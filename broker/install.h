// SPDX-License-Identifier: MIT
// Installing a key and its chain: inspected, written as a new version, switched to in one step, checked, and
// undone when a check fails. Killed at any instant, the pair on disk is whole. In an entry's directory
// everything happens below a held descriptor, by single names, and follows no link:
//
//   <n>/{privkey,cert,chain,fullchain}.pem   with the entry's mode and owner; combined.pem where it wants one
//   <n>/installed                            written last: what the version holds; without it, it is a torso
//   live -> <n>                              switches between versions in one step
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/inspector/inspector.h"
#include "broker/services.h"

namespace certlatch {

/// The directory, made with those above it (0755, root's) where they are missing. Every directory on the way
/// must be one that only root or the broker can rename things in, or somebody else could put another in its
/// place.
[[nodiscard]] Result<UniqueFd> open_directory(const std::string& directory, uid_t broker);

/// The directory of an install entry.
struct VersionDirectory {
  const InstallEntry* entry;  // borrowed
  UniqueFd fd;
  uid_t uid;  // the files' owner
  gid_t gid;
  /// What was switched to before the checks of all its services have passed.
  struct Staged {
    std::optional<std::uint32_t> previous;
    std::uint32_t version;
    std::vector<std::string> unchecked;  // services
  };
  std::optional<Staged> staged;
};

class Installer {
 public:
  /// `policy` and `services` are borrowed.
  Installer(const Policy& policy, Inspector inspect, Services& services)
      : policy_(policy), inspect_(std::move(inspect)), services_(services) {}
  virtual ~Installer() = default;

  /// As root, before confinement: makes missing directories (0755, owned by the broker), refuses one that
  /// others may write to or that belongs to anyone else, and holds a descriptor for each. Leftovers of an
  /// interrupted install go. Returns the owners of the entries' files.
  Result<std::set<std::pair<uid_t, gid_t>>> open_directories(uid_t broker, gid_t broker_group);

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
  const Policy& policy_;
  Inspector inspect_;
  Services& services_;
  std::vector<VersionDirectory> directories_;  // for each install entry of the policy
};

}  // namespace certlatch
