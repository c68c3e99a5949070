// SPDX-License-Identifier: MIT
#include "broker/inspector/inspector.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

namespace certlatch {
namespace {

constexpr std::chrono::seconds kInspection{5};
constexpr std::size_t kMaxSentence = 1000;

/// What a taken-over inspector says must not be more than a sentence.
Error refusal_of(const Verdict& verdict) {
  return Error::refused(printable(verdict.refusal.substr(0, kMaxSentence)));
}

/// Below /etc/ssl/certs most names are links: these are followed, and the file they lead to must be trusted.
Result<UniqueFd> open_trust(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat found {};
  if (!file.is_open() || ::fstat(file.get(), &found) != 0) return fail(Error::system(path));
  if (!S_ISREG(found.st_mode)) return fail(Error::invalid(path + " is not a regular file"));
  if (auto trusted = check_trusted(found, path); !trusted) return fail(trusted.error());
  return file;
}

}  // namespace

Result<HelperProcess> start_inspector(const std::string& program, const Policy& policy) {
  std::map<std::string, UniqueFd> files;
  std::vector<std::string> arguments;  // for each entry the number of a descriptor, or nothing
  std::vector<int> kept;
  for (const auto& entry : policy.installs) {
    if (!entry.trust.empty() && !files.contains(entry.trust)) {
      auto file = open_trust(entry.trust);
      if (!file)
        return fail(Error::refused(Fault{policy.file, entry.line, "trust: " + file.error().message}.text()));
      kept.push_back(file->get());
      files[entry.trust] = std::move(*file);
    }
    arguments.push_back(entry.trust.empty() ? "" : std::to_string(files[entry.trust].get()));
  }
  auto inspector = HelperProcess::start(program, HelperPrivilege::none, arguments, kept);
  if (!inspector) return inspector;
  const auto ready = inspector->hear<Verdict>(in(kHelperStart), wait_alone);
  if (!ready) return fail(ready.error());
  if (!ready->refusal.empty()) return fail(refusal_of(*ready).in("certlatch-inspector"));
  return inspector;
}

Result<Verdict> inspect(HelperProcess& inspector, std::size_t entry, std::string_view chain,
                        const Secret& key, const Wait& wait) {
  Inspect question{static_cast<std::uint32_t>(entry), std::string(chain), Secret::copy_of(key.bytes())};
  auto verdict = inspector.ask<Verdict>(std::move(question), in(kInspection), wait);
  if (!verdict) return verdict;
  if (!verdict->refusal.empty()) return fail(refusal_of(*verdict));
  if (verdict->leaf_bytes == 0 || verdict->leaf_bytes > chain.size())
    return fail(Error::closed("certlatch-inspector: an impossible answer"));
  return verdict;
}

}  // namespace certlatch
