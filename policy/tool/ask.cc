// SPDX-License-Identifier: MIT
#include "policy/tool/ask.h"

#include <fmt/format.h>

#include "policy/decision.h"
#include "policy/ini_file.h"
#include "policy/tool/words.h"

namespace certlatch {
namespace {

std::string conditions(const OpeningEntry& entry) {
  return fmt::format("for at most {}, {}", in_words(entry.at_most), how_often(entry.per_day));
}
std::string conditions(const InstallEntry& entry) {
  return fmt::format("of a certificate for nothing but {}, {}", listed(entry.names, "or"),
                     how_often(entry.per_day));
}
std::string conditions(const ServiceEntry& entry) {
  return fmt::format("{}, {}", entry.check.empty() ? "without a check" : "if its check succeeds",
                     how_often(entry.per_day));
}

template <class Entry>
Verdict verdict(const Policy& policy, const Entry* entry, std::string_view kind, std::string_view name,
                std::string_view question) {
  if (entry == nullptr) return {false, 0, refuse_unknown(policy, kind, name).sentence};
  return {true, entry->line,
          fmt::format("{}: allowed by line {} of {}, {}", question, entry->line, policy.file,
                      conditions(*entry))};
}

}  // namespace

Result<Verdict> ask(const Policy& policy, std::string_view question) {
  const auto words = split(question);
  const std::string_view verb = words.empty() ? "" : words[0], name = words.size() < 2 ? "" : words[1];
  const auto plain = fmt::format("{}", fmt::join(words, " "));
  if (verb == "install" && words.size() > 2 && policy.install(name) != nullptr) {
    const std::vector<std::string> names(words.begin() + 2, words.end());
    if (const auto refused = refuse_names(policy, *policy.install(name), names))
      return Verdict{false, refused->line, refused->sentence};
  }
  if (verb == "install" && words.size() >= 2)
    return verdict(policy, policy.install(name), "install", name, plain);
  if (words.size() == 2) {
    if (verb == "open") return verdict(policy, policy.opening(name), "open", name, plain);
    if (verb == "restart") return verdict(policy, policy.service(name), "service", name, plain);
  }
  return fail(Error::invalid(fmt::format(
      "`{}` is no question; ask `open ENTRY`, `install ENTRY [NAME...]` or `restart ENTRY`", plain)));
}

}  // namespace certlatch
