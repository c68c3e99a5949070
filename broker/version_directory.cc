// SPDX-License-Identifier: MIT
#include "broker/version_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "protocol/small_file.h"

namespace certlatch {
namespace {

constexpr const char* kLive = "live";
constexpr const char* kNewLive = ".live.new";
constexpr const char* kRecord = "installed";
constexpr std::size_t kMaxRecordBytes = 4096;
constexpr std::size_t kKeptVersions = 3;
constexpr const char* kFiles[] = {"privkey.pem", "cert.pem", "chain.pem", "fullchain.pem", "combined.pem"};

/// <n>/installed
struct Record {
  static constexpr std::uint8_t kTag = 1;
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

}  // namespace

Digest fingerprint_of(std::string_view bytes) {
  Digest digest;
  crypto_generichash(reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                     reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr, 0);
  return digest;
}

std::vector<std::uint32_t> VersionDirectory::versions() const {
  std::vector<std::uint32_t> list;
  for (const auto& name : names_in(directory_.get()))
    if (const auto version = version_of(name)) list.push_back(*version);
  std::ranges::sort(list);
  return list;
}

UniqueFd VersionDirectory::open_version(std::uint32_t version) const {
  return UniqueFd(::openat(directory_.get(), std::to_string(version).c_str(),
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

std::optional<std::uint32_t> VersionDirectory::live() const {
  char target[16];
  const ssize_t n = ::readlinkat(directory_.get(), kLive, target, sizeof target);
  if (n <= 0) return std::nullopt;
  return version_of({target, static_cast<std::size_t>(n)});
}

/// One line a file; nothing when one is missing or not as the policy wants it.
std::optional<std::string> VersionDirectory::describe(int version) const {
  std::string text;
  for (const char* name : kFiles) {
    if (name == kFiles[4] && !layout_.combined) continue;
    struct stat found {};
    if (::fstatat(version, name, &found, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(found.st_mode) ||
        (found.st_mode & 07777) != layout_.mode || found.st_uid != layout_.uid || found.st_gid != layout_.gid)
      return std::nullopt;
    text += fmt::format("{} {} {}.{:09}\n", name, found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec);
  }
  return text;
}

Result<void> VersionDirectory::create(int version, const char* name,
                                      std::vector<std::string_view> parts) const {
  const bool is_record = name == kRecord;
  const UniqueFd file(::openat(version, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return fail(Error::system(name));
  for (const auto part : parts)
    if (auto written = write_whole(file.get(), part); !written) return fail(written.error().in(name));
  // The mode first: whoever is not root may not change the mode of a file that it has given away.
  if (::fchmod(file.get(), is_record ? 0644 : layout_.mode) != 0 ||
      (!is_record && ::fchown(file.get(), layout_.uid, layout_.gid) != 0) || ::fsync(file.get()) != 0)
    return fail(Error::system(name));
  return {};
}

Result<void> VersionDirectory::fill(int version, const NewPair& pair) const {
  const auto leaf = pair.chain.substr(0, pair.leaf_bytes), others = pair.chain.substr(pair.leaf_bytes);
  const std::string_view line_end = pair.key.ends_with('\n') ? "" : "\n";
  Result<void> done;
  if (!(done = create(version, kFiles[0], {pair.key})) || !(done = create(version, kFiles[1], {leaf})) ||
      !(done = create(version, kFiles[2], {others})) || !(done = create(version, kFiles[3], {pair.chain})) ||
      (layout_.combined && !(done = create(version, kFiles[4], {pair.key, line_end, pair.chain}))))
    return done;
  const auto files = describe(version);
  if (!files) return fail(Error::system("stat", EIO));
  const auto record =
      encode_record(Record{fingerprint_of(pair.chain), pair.not_after, *files}, kMaxRecordBytes);
  if (!record) return fail(record.error());
  if (done = create(version, kRecord, {*record}); !done) return done;
  // mkdir() went by the umask.
  if (::fchmod(version, 0755) != 0 || ::fsync(version) != 0) return fail(Error::system("fsync"));
  return {};
}

Result<std::uint32_t> VersionDirectory::write(const NewPair& pair) {
  const auto existing = versions();
  const std::uint32_t version = existing.empty() ? 1 : existing.back() + 1;
  if (::mkdirat(directory_.get(), std::to_string(version).c_str(), 0755) != 0)
    return fail(Error::system(fmt::format("mkdir {}/{}", path_, version)));
  const UniqueFd opened = open_version(version);
  const auto filled = opened.is_open() ? fill(opened.get(), pair) : fail(Error::system("open"));
  if (filled) return version;
  remove(version);
  return fail(filled.error().in(fmt::format("{}/{}", path_, version)));
}

Result<void> VersionDirectory::switch_to(std::optional<std::uint32_t> version) {
  const int dir = directory_.get();
  int done = 0;
  if (version) {
    ::unlinkat(dir, kNewLive, 0);
    done = ::symlinkat(std::to_string(*version).c_str(), dir, kNewLive);
    if (done == 0) done = ::renameat(dir, kNewLive, dir, kLive);
  } else {
    done = ::unlinkat(dir, kLive, 0);
  }
  if (done != 0 || ::fsync(dir) != 0) return fail(Error::system(fmt::format("switch {}/{}", path_, kLive)));
  return {};
}

void VersionDirectory::remove(std::uint32_t version) {
  if (const UniqueFd opened = open_version(version); opened.is_open()) {
    // The record goes first: from then on it is a torso, however this ends.
    ::unlinkat(opened.get(), kRecord, 0);
    for (const auto& name : names_in(opened.get())) ::unlinkat(opened.get(), name.c_str(), 0);
  }
  ::unlinkat(directory_.get(), std::to_string(version).c_str(), AT_REMOVEDIR);
}

void VersionDirectory::tidy() {
  ::unlinkat(directory_.get(), kNewLive, 0);
  const auto current = live();
  auto list = versions();
  std::erase_if(list, [&](std::uint32_t version) {
    const UniqueFd opened = open_version(version);
    struct stat record {};
    const bool is_torso = ::fstatat(opened.get(), kRecord, &record, AT_SYMLINK_NOFOLLOW) != 0;
    const bool is_leftover = version != current && (is_torso || (current && version > *current));
    if (is_leftover) remove(version);
    return is_leftover;
  });
  list.resize(list.size() - std::min(list.size(), kKeptVersions));
  for (const auto version : list)
    if (version != current) remove(version);
}

InstallStatus VersionDirectory::status() const {
  InstallStatus status;
  const auto version = live();
  const UniqueFd opened = version ? open_version(*version) : UniqueFd();
  if (!opened.is_open()) return status;
  status.version = *version;
  status.state = PairState::altered;
  const auto record = read_record<Record>(opened.get(), kRecord, kMaxRecordBytes);
  if (!record) return status;
  status.fingerprint = record->fingerprint;
  status.not_after = record->not_after;
  if (describe(opened.get()) == record->files) status.state = PairState::whole;
  return status;
}

bool VersionDirectory::holds_only_versions() const {
  return std::ranges::all_of(names_in(directory_.get()), [](const std::string& name) {
    return name == kLive || name == kNewLive || version_of(name);
  });
}

}  // namespace certlatch
