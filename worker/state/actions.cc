// SPDX-License-Identifier: MIT
#include "worker/state/actions.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace certlatch {
namespace {

struct Scheme {
  std::string_view name;
  Greeting greeting;
};
constexpr Scheme kSchemes[] = {{"tls://", Greeting::none},
                               {"smtp://", Greeting::smtp},
                               {"imap://", Greeting::imap},
                               {"pop3://", Greeting::pop3}};

Greeting usual_greeting(std::uint16_t port) {
  if (port == 25 || port == 587) return Greeting::smtp;
  if (port == 143) return Greeting::imap;
  return port == 110 ? Greeting::pop3 : Greeting::none;
}

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == ':';
  });
}

std::optional<Endpoint> endpoint_from(std::string_view text) {
  Endpoint endpoint{.text = std::string(text)};
  const auto scheme =
      std::ranges::find_if(kSchemes, [&](const Scheme& it) { return text.starts_with(it.name); });
  const bool has_scheme = scheme != std::end(kSchemes);
  if (has_scheme) text.remove_prefix(scheme->name.size());
  const auto colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size() || endpoint.port == 0) return std::nullopt;
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.contains(':'))
    return std::nullopt;
  if (!is_host(host)) return std::nullopt;
  endpoint.host = host;
  endpoint.greeting = has_scheme ? scheme->greeting : usual_greeting(endpoint.port);
  return endpoint;
}

/// Words, split at blanks; quotes of either kind hold blanks together. Nothing when a quote is not closed.
std::optional<HookCommand> words_from(std::string_view text) {
  HookCommand words;
  std::string word;
  bool is_open = false;
  char quote = '\0';
  for (const char c : text) {
    const bool is_blank = quote == '\0' && (c == ' ' || c == '\t');
    if (is_blank && is_open) words.push_back(std::exchange(word, {}));
    if (is_blank) {
      is_open = false;
      continue;
    }
    is_open = true;
    if (quote == c)
      quote = '\0';
    else if (quote == '\0' && (c == '"' || c == '\''))
      quote = c;
    else
      word += c;
  }
  if (is_open) words.push_back(std::move(word));
  return quote == '\0' ? std::optional(std::move(words)) : std::nullopt;
}

}  // namespace

std::vector<Endpoint> endpoints_of(const SectionReader& section, std::string_view key) {
  std::vector<Endpoint> endpoints;
  for (const Word& word : section.words(key)) {
    if (auto endpoint = endpoint_from(word.text))
      endpoints.push_back(std::move(*endpoint));
    else
      section.fault(
          word.line,
          fmt::format("`{}`: `{}` is not HOST:PORT, nor smtp://HOST:PORT, imap://, pop3:// or tls://", key,
                      word.text));
  }
  return endpoints;
}

HookCommand hook_command_of(const SectionReader& section, std::string_view key) {
  const IniKey* entry = section.find(key);
  if (entry == nullptr) return {};
  auto words = words_from(entry->value);
  if (!words)
    section.fault(entry->line, fmt::format("`{}`: a quote is not closed", key));
  else if (words->empty() || !words->front().starts_with('/'))
    section.fault(entry->line,
                  fmt::format("`{}` begins with the absolute path of a program; there is no shell", key));
  return words.value_or(HookCommand{});
}

}  // namespace certlatch
