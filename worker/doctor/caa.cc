// SPDX-License-Identifier: MIT
#include "worker/doctor/caa.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "policy/ini_file.h"

namespace certlatch {
namespace {

constexpr std::uint8_t kCritical = 0x80;
constexpr std::string_view kKnownTags[] = {"issue",        "issuewild", "iodef",   "contactemail",
                                           "contactphone", "issuemail", "issuevmc"};

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

/// What came from the DNS, fit for a terminal.
std::string shown(std::string_view text) {
  std::string result(text);
  std::ranges::replace_if(
      result, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view()
                            : text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

/// Of one record that names this CA: what stands in the way, or nothing.
std::string limits_of(const std::vector<std::string_view>& parameters, const CaaQuestion& question) {
  for (const auto parameter : parameters) {
    const auto equals = parameter.find('=');
    const auto name = lower(trimmed(parameter.substr(0, equals)));
    const auto value = equals == parameter.npos ? std::string_view() : trimmed(parameter.substr(equals + 1));
    if (name == "accounturi" && !question.account_url.empty() && value != question.account_url)
      return fmt::format("let only the account {} in", shown(value));
    if (name == "validationmethods") {
      const auto methods = split(value, ",");
      if (std::ranges::find(methods, question.challenge) == methods.end())
        return fmt::format("let only {} prove the name, not {}", shown(value), question.challenge);
    }
  }
  return {};
}

}  // namespace

std::string why_caa_forbids(const std::vector<CaaRecord>& records, const CaaQuestion& question) {
  const auto has = [&](std::string_view tag) {
    return std::ranges::any_of(records, [&](const CaaRecord& record) { return lower(record.tag) == tag; });
  };
  for (const CaaRecord& record : records)
    if ((record.flags & kCritical) != 0 &&
        std::ranges::find(kKnownTags, lower(record.tag)) == std::end(kKnownTags))
      return fmt::format("have a critical `{}` that no CA understands", shown(record.tag));
  const std::string_view tag = question.is_wildcard && has("issuewild") ? "issuewild" : "issue";
  if (!has(tag)) return {};  // they are about something else
  std::vector<std::string> others;
  std::string limit;
  for (const CaaRecord& record : records) {
    if (lower(record.tag) != tag) continue;
    auto parts = split(record.value, ";");
    const auto issuer = lower(trimmed(parts.front()));
    parts.erase(parts.begin());
    const bool is_this = std::ranges::any_of(
        question.identities, [&](const std::string& identity) { return lower(identity) == issuer; });
    if (!is_this) {
      others.push_back(issuer.empty() ? "nobody" : shown(issuer));
      continue;
    }
    const auto wrong = limits_of(parts, question);
    if (wrong.empty()) return {};
    limit = wrong;
  }
  if (!limit.empty()) return limit;
  return fmt::format("let {} issue, and not {}", fmt::join(others, ", "),
                     fmt::join(question.identities, " or "));
}

}  // namespace certlatch
