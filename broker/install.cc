// SPDX-License-Identifier: MIT
#include "broker/install.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <ranges>
#include <span>

#include "policy/decision.h"
#include "protocol/small_file.h"

namespace certlatch {
namespace {

constexpr const char* kLive = "live";
constexpr const char* kNewLive = ".live.new";
constexpr const char* kRecord = "installed";
constexpr std::size_t kMaxRecordBytes = 4096;
constexpr std::size_t kKeptVersions = 3;
/// The last one only where the entry wants it.
constexpr const char* kFiles[] = {"privkey.pem", "cert.pem", "chain.pem", "fullchain.pem", "combined.pem"};

/// <n>/installed
struct Record {
  Digest fingerprint{};
  std::int64_t not_after = 0;
  std::string files;  // as describe() saw them
  void serialize(auto& archive) { archive(fingerprint, not_after, files); }
};

std::optional<std::uint32_t> version_of(std::string_view name) {
  std::uint32_t version = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  if (error != std::errc() || end != name.data() + name.size() || name.front() == '0') return std::nullopt;
  return version;
}

bool is_own_name(const std::string& name) { return name == kLive || name == kNewLive || version_of(name); }

std::vector<std::string> names_in(int directory) {
  std::vector<std::string> names;
  UniqueFd again(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> list(again.is_open() ? ::fdopendir(again.get()) : nullptr,
                                                 ::closedir);
  if (list == nullptr) return names;
  static_cast<void>(again.release());  // the list closes it
  while (const dirent* entry = ::readdir(list.get()))
    if (const std::string_view name = entry->d_name; name != "." && name != "..") names.emplace_back(name);
  return names;
}

std::set<std::uint32_t> versions_in(int directory) {
  std::set<std::uint32_t> versions;
  for (const auto& name : names_in(directory))
    if (const auto version = version_of(name)) versions.insert(*version);
  return versions;
}

UniqueFd open_version(int directory, std::uint32_t version) {
  return UniqueFd(
      ::openat(directory, std::to_string(version).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

std::span<const char* const> files_of(const InstallEntry& entry) {
  return std::span(kFiles).first(std::size(kFiles) - (entry.combined ? 0 : 1));
}

/// One line a file; nothing when one is missing or not as the policy wants it.
std::optional<std::string> describe(const VersionDirectory& of, int version) {
  std::string text;
  for (const char* name : files_of(*of.entry)) {
    struct stat found {};
    if (::fstatat(version, name, &found, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(found.st_mode) ||
        (found.st_mode & 07777) != of.entry->mode || found.st_uid != of.uid || found.st_gid != of.gid)
      return std::nullopt;
    text += fmt::format("{} {} {}.{:09}\n", name, found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec);
  }
  return text;
}

void remove(int directory, std::uint32_t version) {
  if (const UniqueFd opened = open_version(directory, version); opened.is_open()) {
    // The record goes first: from then on it is a torso, however this ends.
    ::unlinkat(opened.get(), kRecord, 0);
    for (const auto& name : names_in(opened.get())) ::unlinkat(opened.get(), name.c_str(), 0);
  }
  ::unlinkat(directory, std::to_string(version).c_str(), AT_REMOVEDIR);
}

/// The version that `live` leads to by its text; whether it exists is status_of()'s question.
std::optional<std::uint32_t> live_in(const VersionDirectory& directory) {
  char target[16];
  const ssize_t n = ::readlinkat(directory.fd.get(), kLive, target, sizeof target);
  if (n <= 0) return std::nullopt;
  return version_of({target, static_cast<std::size_t>(n)});
}

/// Writes a pair that `verdict` is about as the next version, wholly on the disk when this returns, without
/// switching to it. What an error leaves of it is a torso.
Result<std::uint32_t> write(const VersionDirectory& directory, std::string_view key, std::string_view chain,
                            const Verdict& verdict) {
  const InstallEntry& entry = *directory.entry;
  const auto existing = versions_in(directory.fd.get());
  const std::uint32_t version = existing.empty() ? 1 : *existing.rbegin() + 1;
  const auto path = fmt::format("{}/{}", entry.directory, version);
  if (::mkdirat(directory.fd.get(), std::to_string(version).c_str(), 0755) != 0)
    return fail(Error::system("mkdir " + path));
  const UniqueFd opened = open_version(directory.fd.get(), version);
  const auto leaf = chain.substr(0, verdict.leaf_bytes), others = chain.substr(verdict.leaf_bytes);
  const std::string_view line_end = key.ends_with('\n') ? "" : "\n";
  const std::vector<std::string_view> contents[] = {{key}, {leaf}, {others}, {chain}, {key, line_end, chain}};
  const auto files = files_of(entry);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto where = path + ": " + files[i];
    const UniqueFd file(
        ::openat(opened.get(), files[i], O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.is_open()) return fail(Error::system(where));
    for (const auto part : contents[i]) TRY(write_whole(file.get(), part).in(where));
    // The mode first: whoever is not root may not change the mode of a file that it has given away.
    if (::fchmod(file.get(), entry.mode) != 0 || ::fchown(file.get(), directory.uid, directory.gid) != 0 ||
        ::fsync(file.get()) != 0)
      return fail(Error::system(where));
  }
  const auto seen = describe(directory, opened.get()).value_or("");
  const Record record{digest_of(chain), verdict.not_after, seen};
  TRY(replace_record(opened.get(), kRecord, record, kMaxRecordBytes).in(path));
  return version;
}

/// Points `live` to a version, or removes it, in one step that is on the disk when this returns.
Result<void> switch_to(const VersionDirectory& directory, std::optional<std::uint32_t> version) {
  const int dir = directory.fd.get();
  const bool is_done = version ? ::symlinkat(std::to_string(*version).c_str(), dir, kNewLive) == 0 &&
                                     ::renameat(dir, kNewLive, dir, kLive) == 0
                               : ::unlinkat(dir, kLive, 0) == 0;
  if (!is_done || ::fsync(dir) != 0)
    return fail(Error::system(fmt::format("switch {}/{}", directory.entry->directory, kLive)));
  return {};
}

/// Removes what an interrupted install left (torsos, versions that `live` has not come to, a link half made),
/// and all but the newest three versions and the live one.
void tidy(const VersionDirectory& directory) {
  const int dir = directory.fd.get();
  ::unlinkat(dir, kNewLive, 0);
  const auto live = live_in(directory);
  std::size_t kept = 0;
  for (const auto version : versions_in(dir) | std::views::reverse) {
    struct stat record {};
    const UniqueFd opened = open_version(dir, version);
    const bool is_torso = ::fstatat(opened.get(), kRecord, &record, AT_SYMLINK_NOFOLLOW) != 0;
    const bool is_leftover = is_torso || (live && version > *live);
    if (version == live || (!is_leftover && kept < kKeptVersions))
      ++kept;
    else
      remove(dir, version);
  }
}

/// Takes back what is staged, if anything is. Nothing to say of it, or behind a blank that it failed.
std::string undo(VersionDirectory& directory) {
  if (!directory.staged) return {};
  const auto [previous, version, unchecked] = *std::exchange(directory.staged, std::nullopt);
  const auto done = previous == live_in(directory) ? Result<void>() : switch_to(directory, previous);
  // The link may still lead to the new version: then that has to stay.
  if (!done) return fmt::format(" (the switch could not be undone: {})", done.error().message);
  remove(directory.fd.get(), version);
  return {};
}

/// Looks at sizes, times, modes and owners, since the broker may not be allowed to read the files. One with
/// another mode or owner than the policy's counts as altered, so that a changed policy reaches the disk.
InstallStatus status_of(const VersionDirectory& directory) {
  const InstallEntry& entry = *directory.entry;
  InstallStatus status{.entry = entry.name, .services = entry.services, .directory = entry.directory};
  const auto live = live_in(directory);
  const UniqueFd opened = live ? open_version(directory.fd.get(), *live) : UniqueFd();
  if (!opened.is_open()) return status;
  const auto record = read_record<Record>(opened.get(), kRecord, kMaxRecordBytes).value_or(Record{});
  status.version = *live;
  status.state = describe(directory, opened.get()) == record.files ? PairState::whole : PairState::altered;
  status.fingerprint = record.fingerprint;
  status.not_after = record.not_after;
  return status;
}

Result<VersionDirectory> open_entry(const InstallEntry& entry, uid_t broker, gid_t broker_group) {
  // Looked up here once, as root: the confined broker cannot read the user database.
  const passwd* user = ::getpwnam(entry.owner_user.c_str());
  const group* group = ::getgrnam(entry.owner_group.c_str());
  const auto missing = user == nullptr ? "user " + entry.owner_user : "group " + entry.owner_group;
  if (user == nullptr || group == nullptr)
    return fail(Error::refused(fmt::format("owner: there is no {} on this host", missing)));
  VersionDirectory directory{
      &entry, TRY(open_directory(entry.directory, broker)), user->pw_uid, group->gr_gid, {}};
  struct stat found {};
  const bool is_ours = ::fstat(directory.fd.get(), &found) == 0 && found.st_uid == broker;
  // Given to the broker only when there is nothing in it that would be given away: `directory = /etc` is a
  // slip.
  if (!is_ours && !std::ranges::all_of(names_in(directory.fd.get()), is_own_name))
    return fail(Error::refused(entry.directory + " holds other files; name a directory of its own"));
  if (!is_ours && ::fchown(directory.fd.get(), broker, broker_group) != 0)
    return fail(Error::system("chown " + entry.directory));
  tidy(directory);
  return directory;
}

}  // namespace

Result<UniqueFd> open_directory(const std::string& directory, uid_t broker) {
  UniqueFd current(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::filesystem::path path("/");
  for (const auto& name : std::filesystem::path(directory).relative_path()) {
    path /= name;
    ::mkdirat(current.get(), name.c_str(), 0755);  // the broker's umask takes nothing of it
    UniqueFd next(::openat(current.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.is_open() && errno == ENOTDIR)
      return fail(Error::refused(path.string() + " is a link or a file; name the directory by its own path"));
    struct stat found {};
    if (!next.is_open() || ::fstat(next.get(), &found) != 0) return fail(Error::system(path.string()));
    // Below a sticky directory nobody can rename what is not theirs; the last one must not be written to.
    if (path != directory && (found.st_mode & S_ISVTX) != 0) found.st_mode &= ~022U;
    TRY(check_trusted(found, path, broker));
    current = std::move(next);
  }
  return current;
}

Result<std::set<std::pair<uid_t, gid_t>>> Installer::open_directories(uid_t broker, gid_t broker_group) {
  std::set<std::pair<uid_t, gid_t>> owners;
  for (const auto& entry : policy_.installs) {
    const auto where = fmt::format("{}:{}", policy_.file, entry.line);
    directories_.push_back(TRY(open_entry(entry, broker, broker_group).in(where)));
    owners.emplace(directories_.back().uid, directories_.back().gid);
  }
  return owners;
}

std::variant<Installed, Refused> Installer::install(const Install& request, const Wait& wait) {
  const InstallEntry* entry = policy_.install(request.entry);
  if (entry == nullptr) return refuse_unknown(policy_, "install", request.entry);
  const auto refuse = [&](RefusalReason reason, std::string_view undone, std::string_view why) {
    return Refused{reason, entry->line, fmt::format("install {}{}: {}", entry->name, undone, why), {}};
  };
  const auto verdict = inspect_(request, wait);
  const bool is_pair = !verdict && verdict.error().kind == Error::Kind::refused;
  if (!verdict)
    return refuse(is_pair ? RefusalReason::pair : RefusalReason::host, "", verdict.error().message);
  if (auto refused = refuse_names(policy_, *entry, verdict->names)) return *refused;
  VersionDirectory& directory = *std::ranges::find(directories_, entry, &VersionDirectory::entry);
  // What a failed check leads back to is always a pair that the checks have agreed with.
  undo(directory);
  tidy(directory);
  const auto previous = live_in(directory);
  const auto version = write(directory, request.key.text(), request.chain, *verdict);
  if (version) directory.staged = {previous, *version, entry->services};
  if (const auto done = version ? switch_to(directory, *version) : fail(version.error()); !done) {
    const auto undone = undo(directory);
    tidy(directory);
    return refuse(RefusalReason::host, undone, done.error().message + "; what was installed before stays");
  }
  for (const auto& name : entry->services) {
    if (request.is_staged) break;
    auto checked = services_.check(*policy_.service(name), wait);  // the policy's reader has seen to it
    if (auto* refusal = std::get_if<Refused>(&checked)) {
      refusal->sentence =
          fmt::format("install {}{}: undone, since {}", entry->name, undo(directory), refusal->sentence);
      return std::move(*refusal);
    }
  }
  if (!request.is_staged || entry->services.empty()) directory.staged.reset();
  tidy(directory);
  return Installed{*version};
}

void Installer::keep_staged(std::string_view service) {
  for (auto& staged : directories_ | std::views::transform(&VersionDirectory::staged))
    if (staged && std::erase(staged->unchecked, service) > 0 && staged->unchecked.empty()) staged.reset();
}

std::string Installer::undo_staged(std::string_view service) {
  std::string undone;
  for (auto& directory : directories_)
    if (directory.staged && (service.empty() || std::ranges::count(directory.entry->services, service) > 0))
      undone += " " + directory.entry->name + undo(directory);
  return undone;
}

std::vector<InstallStatus> Installer::status(const Meant& is_meant) const {
  std::vector<InstallStatus> list;
  for (const auto& directory : directories_)
    if (!is_meant || is_meant(directory.entry->name)) list.push_back(status_of(directory));
  return list;
}

}  // namespace certlatch
