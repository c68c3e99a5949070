// SPDX-License-Identifier: MIT
#include "worker/acme/link.h"

#include <algorithm>

#include "worker/acme/url.h"

namespace certlatch {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Up to the next `separator` outside quotes; takes it off `text`.
std::string_view take_until(std::string_view separators, std::string_view& text) {
  bool is_quoted = false;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    if (text[end] == '"') is_quoted = !is_quoted;
    if (!is_quoted && separators.contains(text[end])) break;
  }
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end, text.size()));
  return part;
}

/// `rel="alternate"`: one or several relations, quoted or not.
bool names_relation(std::string_view parameter, std::string_view relation) {
  const auto equals = parameter.find('=');
  if (equals == parameter.npos || trimmed(parameter.substr(0, equals)) != "rel") return false;
  std::string_view value = trimmed(parameter.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  while (!value.empty()) {
    const auto end = std::min(value.find(' '), value.size());
    if (value.substr(0, end) == relation) return true;
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return false;
}

}  // namespace

std::vector<std::string> links_to(std::string_view relation, const std::vector<std::string>& headers,
                                  const std::string& base) {
  std::vector<std::string> targets;
  for (std::string_view left : headers) {
    while (!(left = trimmed(left)).empty()) {
      const auto close = left.find('>');
      if (left.front() != '<' || close == left.npos) break;
      const auto target = left.substr(1, close - 1);
      left.remove_prefix(close + 1);
      bool is_related = false;
      while (!left.empty() && left.front() != ',') {
        is_related = names_relation(trimmed(take_until(";,", left)), relation) || is_related;
        if (!left.empty() && left.front() == ';') left.remove_prefix(1);
      }
      if (!left.empty()) left.remove_prefix(1);
      if (is_related) targets.push_back(resolved(base, std::string(target)));
    }
  }
  return targets;
}

}  // namespace certlatch
