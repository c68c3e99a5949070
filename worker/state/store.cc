// SPDX-License-Identifier: MIT
#include "worker/state/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "worker/state/replace_file.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxFileBytes = 256 * 1024;
constexpr const char* kLookedOver = "looked-over";
constexpr std::size_t kMaxSettledBytes = 64 * 1024 * 1024;

UniqueFd open_directory(int below, const char* path) {
  return UniqueFd(::openat(below, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/// Makes `name` below `directory` unless it is there; the entry is on disk before anything is put into it.
Result<void> make_directory(int directory, const std::string& name, const std::string& path) {
  if (::mkdirat(directory, name.c_str(), 0700) == 0) {
    if (::fsync(directory) != 0) return fail(Error::system(fmt::format("fsync the directory of {}", path)));
  } else if (errno != EEXIST) {
    return fail(Error::system(fmt::format("mkdir {}", path)));
  }
  return {};
}

}  // namespace

Result<Store> Store::open(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(Error::system(fmt::format("the state directory {} cannot be made", path)));
  UniqueFd directory = open_directory(AT_FDCWD, path.c_str());
  if (!directory.is_open())
    return fail(Error::system(fmt::format("the state directory {} cannot be opened", path)));
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) return fail(Error::system(fmt::format("fstat {}", path)));
  if (status.st_uid != ::geteuid()) {
    return fail(
        Error::refused(fmt::format("the state directory {} belongs to uid {}, and this is uid {}: run "
                                   "certlatch as the user that owns it",
                                   path, status.st_uid, ::geteuid())));
  }
  if ((status.st_mode & 077) != 0) {
    return fail(
        Error::refused(fmt::format("the state directory {} is open to others (mode {:04o}): chmod 0700 {}",
                                   path, status.st_mode & 07777, path)));
  }
  for (const char* kind : {"accounts", "certificates"})
    if (auto made = make_directory(directory.get(), kind, path + "/" + kind); !made)
      return fail(made.error());
  return Store(path, std::move(directory));
}

Result<UniqueFd> Store::lock() const {
  UniqueFd file(::openat(directory_.get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return fail(Error::system(fmt::format("open {}/lock", path_)));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno == EWOULDBLOCK)
    return fail(Error::conflict(fmt::format("another certlatch is at work: it holds {}/lock", path_)));
  return fail(Error::system(fmt::format("flock {}/lock", path_)));
}

Result<UniqueFd> Store::find(const std::string& place) const {
  UniqueFd directory = open_directory(directory_.get(), place.c_str());
  if (!directory.is_open() && errno != ENOENT)
    return fail(Error::system(fmt::format("open {}/{}", path_, place)));
  return directory;
}

Result<UniqueFd> Store::make(const std::string& kind, const std::string& name) const {
  const std::string place = kind + "/" + name;
  if (auto found = find(place); !found || found->is_open()) return found;
  const UniqueFd above = open_directory(directory_.get(), kind.c_str());
  if (!above.is_open()) return fail(Error::system(fmt::format("open {}/{}", path_, kind)));
  if (auto made = make_directory(above.get(), name, path_ + "/" + place); !made) return fail(made.error());
  return find(place);
}

Result<std::optional<std::string>> Store::read(const std::string& place, const char* file) const {
  const auto directory = find(place);
  if (!directory) return fail(directory.error());
  if (!directory->is_open()) return std::nullopt;
  return read_file(directory->get(), file, kMaxFileBytes, fmt::format("{}/{}/{}", path_, place, file));
}

Result<void> Store::write(const std::string& kind, const std::string& name, const char* file,
                          std::string_view text) const {
  const auto directory = make(kind, name);
  if (!directory) return fail(directory.error());
  return replace_file(directory->get(), file, text, fmt::format("{}/{}/{}/{}", path_, kind, name, file));
}

Result<CertificateState> Store::load(const std::string& certificate) const {
  const std::string place = "certificates/" + certificate;
  const auto text = read(place, "state");
  if (!text) return fail(text.error());
  if (!*text) return CertificateState{};
  auto state = certificate_state_from(**text);
  if (!state) {
    const auto path = fmt::format("{}/{}/state", path_, place);
    return fail(Error::invalid(fmt::format("{}: {}; remove the file, and the certificate is issued anew",
                                           path, state.error().message)));
  }
  if (state->issued) {
    const auto chain = read(place, "chain.pem");
    if (!chain) return fail(chain.error());
    if (!*chain || digest_of(**chain) != state->issued->fingerprint) state->issued.reset();
  }
  return state;
}

Result<void> Store::save(const std::string& certificate, const CertificateState& state) {
  return write("certificates", certificate, "state", text_of(state));
}

Result<std::string> Store::load_chain(const std::string& certificate) const {
  const auto chain = read("certificates/" + certificate, "chain.pem");
  if (!chain) return fail(chain.error());
  if (!*chain)
    return fail(Error::invalid(fmt::format("{}/certificates/{}/chain.pem is missing", path_, certificate)));
  return **chain;
}

Result<void> Store::save_chain(const std::string& certificate, std::string_view chain) {
  return write("certificates", certificate, "chain.pem", chain);
}

Result<std::string> Store::account_url(const std::string& ca) const {
  const auto text = read("accounts/" + ca, "account");
  if (!text) return fail(text.error());
  if (!*text) return std::string();
  std::string_view url = **text;
  constexpr std::string_view kKey = "url ";
  if (!url.starts_with(kKey) || !url.ends_with('\n')) {
    return fail(Error::invalid(
        fmt::format("{}/accounts/{}/account is not understood; remove it, and the account is looked up anew",
                    path_, ca)));
  }
  url.remove_prefix(kKey.size());
  url.remove_suffix(1);
  return std::string(url);
}

bool Store::has_account_key(const std::string& ca) const {
  return ::faccessat(directory_.get(), fmt::format("accounts/{}/key.pem", ca).c_str(), F_OK,
                     AT_SYMLINK_NOFOLLOW) == 0;
}

Result<void> Store::save_account_url(const std::string& ca, std::string_view url) {
  return write("accounts", ca, "account", fmt::format("url {}\n", url));
}

Result<void> Store::set_account_aside(const std::string& ca) {
  const auto place = fmt::format("{}/accounts/{}", path_, ca);
  const auto directory = find("accounts/" + ca);
  if (!directory) return fail(directory.error());
  if (!directory->is_open()) return {};
  for (const char* file : {"account", "next-key.pem"})
    if (::unlinkat(directory->get(), file, 0) != 0 && errno != ENOENT)
      return fail(Error::system(fmt::format("remove {}/{}", place, file)));
  if (::renameat(directory->get(), "key.pem", directory->get(), "deactivated-key.pem") != 0 &&
      errno != ENOENT)
    return fail(Error::system(fmt::format("rename {}/key.pem", place)));
  if (::fsync(directory->get()) != 0) return fail(Error::system("fsync " + place));
  return {};
}

CaHistory Store::ca_history(const std::string& ca) const {
  const auto text = read("accounts/" + ca, "history");
  return text && *text ? ca_history_from(**text) : CaHistory{};
}

Result<void> Store::save_ca_history(const std::string& ca, const CaHistory& history) {
  return write("accounts", ca, "history", history_text(history));
}

std::optional<std::string> Store::settled() const {
  auto text = read_file(directory_.get(), "settled", kMaxSettledBytes, path_ + "/settled");
  return text ? std::move(*text) : std::nullopt;
}

Result<void> Store::save_settled(std::string_view text) {
  return replace_file(directory_.get(), "settled", text, path_ + "/settled");
}

void Store::forget_settled() { ::unlinkat(directory_.get(), "settled", 0); }

Seconds Store::looked_over() const {
  struct stat found {};
  return ::fstatat(directory_.get(), kLookedOver, &found, AT_SYMLINK_NOFOLLOW) == 0 ? found.st_mtim.tv_sec
                                                                                    : 0;
}

void Store::note_looked_over(Seconds now) {
  const UniqueFd file(
      ::openat(directory_.get(), kLookedOver, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  const timespec times[] = {{now, 0}, {now, 0}};
  ::futimens(file.get(), times);
}

void Store::look_over_next() {
  ::unlinkat(directory_.get(), kLookedOver, 0);
  forget_settled();
}

Statistics Store::statistics() const {
  const auto text = read_file(directory_.get(), "statistics", kMaxFileBytes, path_ + "/statistics");
  if (!text || !*text) return {};
  return statistics_from(**text).value_or(Statistics{});
}

Result<void> Store::save_statistics(const Statistics& statistics) {
  return replace_file(directory_.get(), "statistics", statistics_text(statistics), path_ + "/statistics");
}

std::vector<std::string> Store::certificates() const {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(certificates_directory(), error), end; entry != end;
       entry.increment(error)) {
    if (error) break;
    names.push_back(entry->path().filename());
  }
  std::ranges::sort(names);
  return names;
}

Result<void> Store::remove(const std::string& certificate) {
  const auto directory = find("certificates/" + certificate);
  if (!directory) return fail(directory.error());
  if (!directory->is_open()) return {};
  const auto path = fmt::format("{}/certificates/{}", path_, certificate);
  // The state goes first: whatever ends this between two steps, nothing counts as issued any more.
  for (const char* file : {"state", "privkey.pem", "chain.pem"})
    if (::unlinkat(directory->get(), file, 0) != 0 && errno != ENOENT)
      return fail(Error::system(fmt::format("remove {}/{}", path, file)));
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return fail(Error::system("remove " + path, error.value()));
  return {};
}

}  // namespace certlatch
