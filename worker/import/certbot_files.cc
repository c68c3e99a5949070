// SPDX-License-Identifier: MIT
#include "worker/import/certbot_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <deque>
#include <memory>
#include <optional>

#include "policy/ini_file.h"

namespace certlatch {
namespace {

constexpr std::string_view kUsualPath = "/etc/letsencrypt";
constexpr std::size_t kMaxEntries = 20'000;  // of one directory
constexpr int kMaxLinks = 40, kMaxAccountDepth = 6;

class Tree {
 public:
  Tree(UniqueFd root, std::string path) : root_(std::move(root)), path_(std::move(path)) {}

  /// A regular file or a directory below the root, wherever links lead within it.
  Result<UniqueFd> open(const std::string& place, int flags = 0) const {
    const auto real = resolve(place);
    if (!real) return fail(real.error());
    open_how how{};
    how.flags = static_cast<std::uint64_t>(O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    UniqueFd file(static_cast<int>(::syscall(SYS_openat2, root_.get(), real->c_str(), &how, sizeof how)));
    if (!file.is_open()) return fail(Error::system(fmt::format("open {}/{}", path_, place)));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
      return fail(Error::system(fmt::format("fstat {}/{}", path_, place)));
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
      return fail(Error::invalid(fmt::format("{}/{} is not a file", path_, place)));
    return file;
  }

  /// Nothing when it does not exist.
  Result<UniqueFd> open_if_there(const std::string& place) const {
    auto file = open(place);
    if (!file && file.error().sys_errno == ENOENT) return UniqueFd();
    return file;
  }

  /// The names in a directory, by the alphabet; none when it does not exist.
  Result<std::vector<std::string>> names_in(const std::string& place) const {
    std::vector<std::string> names;
    auto directory = open(place, O_DIRECTORY);
    if (!directory && directory.error().sys_errno == ENOENT) return names;
    if (!directory) return fail(directory.error());
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(directory->release()), ::closedir);
    if (list == nullptr) return fail(Error::system(fmt::format("read {}/{}", path_, place)));
    while (const dirent* entry = ::readdir(list.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (names.size() == kMaxEntries)
        return fail(Error::invalid(fmt::format("{}/{} has more than {} entries", path_, place, kMaxEntries)));
      names.emplace_back(name);
    }
    std::ranges::sort(names);
    return names;
  }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  /// What an absolute link leads to, seen from the root; nothing when it leads out.
  [[nodiscard]] std::optional<std::string> inside(std::string_view target) const {
    for (const std::string_view home : {std::string_view(path_), kUsualPath}) {
      if (target == home) return "";
      if (target.starts_with(home) && target[home.size()] == '/')
        return std::string(target.substr(home.size() + 1));
    }
    return std::nullopt;
  }

  /// `place` without links. A link that is put there in between is refused by openat2() later.
  [[nodiscard]] Result<std::string> resolve(const std::string& place) const {
    const auto leads_out = [&] {
      return fail(Error::refused(fmt::format("{}/{}: a link leads out of the directory", path_, place)));
    };
    std::deque<std::string> pending;
    const auto put_first = [&](std::string_view path) {
      const auto pieces = split(path, "/");
      for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) pending.emplace_front(*piece);
    };
    put_first(place);
    std::vector<std::string> done;
    const auto joined = [&] {
      std::string path;
      for (const auto& piece : done) path += (path.empty() ? "" : "/") + piece;
      return path.empty() ? std::string(".") : path;
    };
    for (int links = 0; !pending.empty();) {
      const std::string piece = std::move(pending.front());
      pending.pop_front();
      if (piece.empty() || piece == ".") continue;
      if (piece == "..") {
        if (done.empty()) return leads_out();
        done.pop_back();
        continue;
      }
      done.push_back(piece);
      std::string target(PATH_MAX, '\0');
      const auto size = ::readlinkat(root_.get(), joined().c_str(), target.data(), target.size());
      if (size < 0 && errno == EINVAL) continue;
      if (size < 0) return fail(Error::system(fmt::format("open {}/{}", path_, place)));
      target.resize(static_cast<std::size_t>(size));
      done.pop_back();
      if (++links > kMaxLinks) return fail(Error::system(fmt::format("open {}/{}", path_, place), ELOOP));
      if (target.starts_with('/')) {
        const auto within = inside(target);
        if (!within) return leads_out();
        done.clear();
        target = *within;
      }
      put_first(target);
    }
    return joined();
  }

  UniqueFd root_;
  std::string path_;
};

/// The user's to decide, not a file's: nothing can be read without it.
bool is_forbidden(const Error& error) { return error.sys_errno == EACCES || error.sys_errno == EPERM; }

Error forbidden(const Error& error) {
  return Error::refused(error.message +
                        ": run `sudo certlatch import certbot`, which opens the files as root and goes on as "
                        "the worker's user; or let this user read a copy of the directory");
}

/// Who may read the key besides its owner: certbot keeps group and mode over renewals.
void note_access(CertbotLineage& lineage) {
  struct stat status {};
  if (!lineage.key.is_open() || ::fstat(lineage.key.get(), &status) != 0) return;
  lineage.key_mode = status.st_mode & 0640U;
  if ((lineage.key_mode & 0040U) == 0) return;
  if (const group* found = ::getgrgid(status.st_gid)) lineage.key_group = found->gr_name;
}

Result<void> open_lineages(const Tree& tree, CertbotFiles& files) {
  constexpr std::string_view kEnding = ".conf";
  const auto names = tree.names_in("renewal");
  if (!names) return fail(names.error());
  for (const auto& file : *names) {
    if (!file.ends_with(kEnding) || file.size() == kEnding.size()) continue;
    CertbotLineage lineage{.name = file.substr(0, file.size() - kEnding.size())};
    const auto live = "live/" + lineage.name;
    for (const auto& [fd, place] :
         {std::pair{&lineage.renewal, "renewal/" + file}, std::pair{&lineage.chain, live + "/fullchain.pem"},
          std::pair{&lineage.key, live + "/privkey.pem"}}) {
      auto opened = tree.open(place);
      if (!opened && (is_forbidden(opened.error()) || opened.error().sys_errno == EMFILE))
        return fail(opened.error());
      if (!opened && lineage.trouble.empty()) lineage.trouble = opened.error().message;
      if (opened) *fd = std::move(*opened);
    }
    note_access(lineage);
    files.lineages.push_back(std::move(lineage));
  }
  return {};
}

Result<void> open_accounts(const Tree& tree, const std::string& place, int depth, CertbotFiles& files) {
  const auto names = tree.names_in("accounts/" + place);
  if (!names) {
    // A link that leads nowhere, or something that is no directory.
    if (is_forbidden(names.error()) || place.empty()) return fail(names.error());
    return {};
  }
  if (std::ranges::find(*names, "private_key.json") != names->end()) {
    auto key = tree.open(fmt::format("accounts/{}/private_key.json", place));
    if (!key) return fail(key.error());
    auto registration = tree.open_if_there(fmt::format("accounts/{}/regr.json", place));
    if (!registration) return fail(registration.error());
    files.accounts.push_back({place, std::move(*key), std::move(*registration)});
    return {};
  }
  if (depth == kMaxAccountDepth) return {};
  for (const auto& name : *names)
    if (auto opened = open_accounts(tree, place.empty() ? name : place + "/" + name, depth + 1, files);
        !opened)
      return opened;
  return {};
}

std::vector<std::string> hooks_in(const Tree& tree, const std::string& place) {
  std::vector<std::string> hooks;
  for (const auto& name : tree.names_in(place).value_or(std::vector<std::string>{})) {
    // certbot, too, leaves out what is no program, and editors' backups.
    const auto file = tree.open(place + "/" + name);
    struct stat status {};
    if (file && !name.ends_with('~') && ::fstat(file->get(), &status) == 0 && S_ISREG(status.st_mode) &&
        (status.st_mode & 0111U) != 0)
      hooks.push_back(fmt::format("{}/{}/{}", tree.path(), place, name));
  }
  return hooks;
}

/// Three files stay open for each certificate.
void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  rlimit more{std::max<rlim_t>(limit.rlim_max, 65536), std::max<rlim_t>(limit.rlim_max, 65536)};
  if (::setrlimit(RLIMIT_NOFILE, &more) == 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<std::size_t> read_into(const UniqueFd& file, std::span<std::byte> room) {
  std::size_t used = 0;
  while (used < room.size()) {
    const ssize_t n = ::pread(file.get(), room.data() + used, room.size() - used, static_cast<off_t>(used));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Error::system("read"));
    if (n == 0) return used;
    used += static_cast<std::size_t>(n);
  }
  return fail(Error::invalid(fmt::format("it is longer than {} KiB", kMaxCertbotFileBytes / 1024)));
}

}  // namespace

Result<CertbotFiles> open_certbot_files(const std::string& path) {
  UniqueFd root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.is_open()) {
    const auto error = Error::system("open " + path);
    return fail(is_forbidden(error) ? forbidden(error) : error);
  }
  allow_many_files();
  std::string shown = path;
  while (shown.size() > 1 && shown.ends_with('/')) shown.pop_back();
  const Tree tree(std::move(root), shown);
  CertbotFiles files{.path = shown};
  auto opened = open_lineages(tree, files);
  if (opened) opened = open_accounts(tree, "", 0, files);
  if (!opened) return fail(is_forbidden(opened.error()) ? forbidden(opened.error()) : opened.error());
  if (files.lineages.empty() && files.accounts.empty())
    return fail(Error::invalid(
        fmt::format("{} is no directory of certbot's: it has neither renewal/*.conf nor accounts/", shown)));
  if (auto defaults = tree.open_if_there("cli.ini")) files.defaults = std::move(*defaults);
  files.pre_hooks = hooks_in(tree, "renewal-hooks/pre");
  files.deploy_hooks = hooks_in(tree, "renewal-hooks/deploy");
  files.post_hooks = hooks_in(tree, "renewal-hooks/post");
  return files;
}

Result<std::string> text_of_file(const UniqueFd& file) {
  std::string text(kMaxCertbotFileBytes + 1, '\0');
  const auto size = read_into(file, std::as_writable_bytes(std::span(text)));
  if (!size) return fail(size.error());
  text.resize(*size);
  return text;
}

Result<Secret> secret_of_file(const UniqueFd& file) {
  Secret room(kMaxCertbotFileBytes + 1);
  const auto size = read_into(file, room.bytes());
  if (!size) return fail(size.error());
  return Secret::copy_of(room.bytes().first(*size));
}

}  // namespace certlatch
