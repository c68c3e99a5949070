// SPDX-License-Identifier: MIT
#include "broker/install.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "policy/decision.h"

namespace certlatch {
namespace {

Result<VersionDirectory> open_entry(const InstallEntry& entry, uid_t broker, gid_t broker_group) {
  // Looked up here once, as root: the confined broker cannot read the user database.
  const passwd* user = ::getpwnam(entry.owner_user.c_str());
  const group* group = ::getgrnam(entry.owner_group.c_str());
  if (user == nullptr || group == nullptr)
    return fail(Error::refused(fmt::format("owner: there is no {} {} on this host",
                                           user == nullptr ? "user" : "group",
                                           user == nullptr ? entry.owner_user : entry.owner_group)));
  auto opened = open_directory(entry.directory, broker);
  struct stat found {};
  if (!opened) return fail(opened.error());
  const int fd = opened->get();
  if (::fstat(fd, &found) != 0) return fail(Error::system(entry.directory));
  VersionDirectory directory(std::move(*opened), entry.directory,
                             {user->pw_uid, group->gr_gid, entry.mode, entry.combined});
  // Given to the broker only when there is nothing in it that would be given away: `directory = /etc` is a
  // slip.
  if (found.st_uid != broker && !directory.holds_only_versions())
    return fail(Error::refused(entry.directory + " holds other files; name a directory of its own"));
  if (found.st_uid != broker && ::fchown(fd, broker, broker_group) != 0)
    return fail(Error::system("chown " + entry.directory));
  directory.tidy();
  return directory;
}

}  // namespace

Result<UniqueFd> open_directory(const std::string& directory, uid_t broker) {
  UniqueFd current(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat found {};
  for (std::size_t start = 1, end = 0; end < directory.size(); start = end + 1) {
    end = std::min(directory.find('/', start), directory.size());
    const auto name = directory.substr(start, end - start), path = directory.substr(0, end);
    const bool is_new = ::mkdirat(current.get(), name.c_str(), 0755) == 0;
    UniqueFd next(::openat(current.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.is_open() && errno == ENOTDIR)
      return fail(Error::refused(path + " is a link or a file; name the directory by its own path"));
    if (!next.is_open() || (is_new && ::fchmod(next.get(), 0755) != 0) || ::fstat(next.get(), &found) != 0)
      return fail(Error::system(path));
    // Below a sticky directory nobody can rename what is not theirs; the last one must not be written to.
    if (end < directory.size() && (found.st_mode & S_ISVTX) != 0) found.st_mode &= ~022U;
    if (auto trusted = check_trusted(found, path, broker); !trusted) return fail(trusted.error());
    current = std::move(next);
  }
  return current;
}

Result<void> Installer::open_directories(uid_t broker, gid_t broker_group) {
  for (const auto& entry : policy_.installs) {
    auto directory = open_entry(entry, broker, broker_group);
    if (!directory)
      return fail(Error::refused(Fault{policy_.file, entry.line, directory.error().message}.text()));
    needs_chown_ |= !directory->is_owned_by(broker, broker_group);
    directories_.push_back(std::move(*directory));
  }
  return {};
}

std::variant<Installed, Refused> Installer::install(const Install& request, const Wait& wait) {
  const InstallEntry* asked = policy_.install(request.entry);
  if (asked == nullptr) return refuse_unknown(policy_, "install", request.entry);
  const InstallEntry& entry = *asked;
  const auto index = static_cast<std::size_t>(asked - policy_.installs.data());
  const auto verdict = inspect_(index, request.chain, request.key, wait);
  if (!verdict) {
    const bool is_pair = verdict.error().kind == Error::Kind::refused;
    return Refused{is_pair ? RefusalReason::pair : RefusalReason::host,
                   entry.line,
                   fmt::format("install {}: {}", entry.name, verdict.error().message),
                   {}};
  }
  if (auto refused = refuse_names(policy_, entry, verdict->names)) return *refused;
  // What a failed check leads back to is always a pair that the checks have agreed with.
  undo_if([&](const Staged& staged) { return staged.index == index; });
  return put(index, {request.key.text(), request.chain, verdict->leaf_bytes, verdict->not_after},
             request.is_staged, wait);
}

void Installer::keep_staged(std::string_view service) {
  std::erase_if(staged_, [&](Staged& staged) {
    std::erase(staged.unchecked, service);
    return staged.unchecked.empty();
  });
}

std::string Installer::undo_staged(std::string_view service) {
  return undo_if([&](const Staged& staged) {
    return service.empty() || std::ranges::count(policy_.installs[staged.index].services, service) > 0;
  });
}

std::string Installer::undo_if(const std::function<bool(const Staged&)>& is_meant) {
  std::string undone;
  std::erase_if(staged_, [&](const Staged& staged) {
    if (!is_meant(staged)) return false;
    VersionDirectory& directory = directories_[staged.index];
    const auto done =
        staged.previous == directory.live() ? Result<void>() : directory.switch_to(staged.previous);
    // The link may still lead to the new version: then that has to stay.
    if (done) directory.remove(staged.version);
    undone += " " + policy_.installs[staged.index].name;
    if (!done) undone += fmt::format(" (the switch could not be undone: {})", done.error().message);
    return true;
  });
  return undone;
}

std::variant<Installed, Refused> Installer::put(std::size_t index, const NewPair& pair, bool is_staged,
                                                const Wait& wait) {
  const InstallEntry& entry = policy_.installs[index];
  VersionDirectory& directory = directories_[index];
  const auto refuse = [&](const Error& error) {
    return Refused{RefusalReason::host, entry.line, error.message + "; what was installed before stays", {}};
  };
  directory.tidy();
  const auto previous = directory.live();
  const auto version = directory.write(pair);
  if (!version) return refuse(version.error().in("install " + entry.name));
  staged_.push_back({index, previous, *version, entry.services});
  const auto undo = [&](Refused refusal, const char* what) {
    const auto undone = undo_if([&](const Staged& staged) { return staged.index == index; });
    refusal.sentence = fmt::format("install{}: {}{}", undone, what, refusal.sentence);
    return refusal;
  };
  if (const auto switched = directory.switch_to(*version); !switched)
    return undo(refuse(switched.error()), "");
  for (const auto& name : entry.services) {
    if (is_staged) break;
    auto checked = services_.check(*policy_.service(name), wait);  // the policy's reader has seen to it
    if (auto* refusal = std::get_if<Refused>(&checked)) return undo(std::move(*refusal), "undone, since ");
  }
  if (!is_staged || entry.services.empty()) staged_.pop_back();
  directory.tidy();
  return Installed{*version};
}

std::vector<InstallStatus> Installer::status(const Meant& is_meant) const {
  std::vector<InstallStatus> list;
  for (std::size_t i = 0; i < directories_.size(); ++i) {
    if (is_meant && !is_meant(policy_.installs[i].name)) continue;
    list.push_back(directories_[i].status());
    list.back().entry = policy_.installs[i].name;
    list.back().services = policy_.installs[i].services;
    list.back().directory = policy_.installs[i].directory;
  }
  return list;
}

}  // namespace certlatch
