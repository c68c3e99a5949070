// SPDX-License-Identifier: MIT
#include "broker/inspector/inspector.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <map>

namespace certlatch {
namespace {

constexpr std::chrono::seconds kInspection{5};
constexpr std::size_t kMaxSentence = 1000;
constexpr int kNobody = 65534;  // the kernel's overflow uid; `nobody` and `nogroup` on every Debian

/// What a taken-over inspector says must not be more than a sentence.
Error refusal_of(const Verdict& verdict) {
  return Error::refused(printable(verdict.refusal.substr(0, kMaxSentence)));
}

bool shed_everything() {
  capng_clear(CAPNG_SELECT_ALL);
  return capng_change_id(kNobody, kNobody,
                         static_cast<capng_flags_t>(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING)) == 0 &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/// Below /etc/ssl/certs most names are links: these are followed, and the file they lead to must be trusted.
Result<UniqueFd> open_trust(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat found {};
  if (!file.is_open() || ::fstat(file.get(), &found) != 0) return fail(Error::system(path));
  if (!S_ISREG(found.st_mode)) return fail(Error::invalid(path + " is not a regular file"));
  TRY(check_trusted(found, path));
  return file;
}

}  // namespace

Result<HelperProcess> start_inspector(const std::string& program, const Policy& policy) {
  std::map<std::string, UniqueFd> files;
  std::vector<std::string> arguments;
  std::vector<int> kept;
  for (const auto& entry : policy.installs) {
    if (!entry.trust.empty() && !files.contains(entry.trust)) {
      const auto where = fmt::format("{}:{}: trust", policy.file, entry.line);
      kept.push_back((files[entry.trust] = TRY(open_trust(entry.trust).in(where))).get());
    }
    arguments.push_back(entry.name);
    arguments.push_back(entry.trust.empty() ? "" : std::to_string(files[entry.trust].get()));
  }
  auto inspector = TRY(HelperProcess::start(program, arguments, kept, shed_everything));
  const auto ready = TRY(inspector.hear<Verdict>(in(kHelperStart), wait_alone));
  if (!ready.refusal.empty()) return fail(refusal_of(ready).in("certlatch-inspector"));
  return inspector;
}

Result<Verdict> inspect(HelperProcess& inspector, const Install& request, const Wait& wait) {
  auto verdict = TRY(inspector.ask<Verdict>(request, in(kInspection), wait));
  if (!verdict.refusal.empty()) return fail(refusal_of(verdict));
  if (verdict.leaf_bytes == 0 || verdict.leaf_bytes > request.chain.size())
    return fail(Error::closed("certlatch-inspector: an impossible answer"));
  return verdict;
}

}  // namespace certlatch
