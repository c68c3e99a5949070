// SPDX-License-Identifier: MIT
#include "worker/acme/renewal_info.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <ctime>

#include "worker/acme/json.h"
#include "worker/acme/printable.h"

namespace certlatch {
namespace {

constexpr std::string_view kWhat = "the renewal information";

/// Takes `digits` digits off `text`, and `after` behind them.
bool take(std::string_view& text, std::size_t digits, std::string_view after, int& number) {
  if (text.size() < digits + after.size()) return false;
  const char* end = text.data() + digits;
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < 0) return false;
  text.remove_prefix(digits);
  if (!text.starts_with(after)) return false;
  text.remove_prefix(after.size());
  return true;
}

}  // namespace

std::optional<std::int64_t> time_from(std::string_view text) {
  std::tm parts{};
  const bool has_t = text.size() > 10 && (text[10] == 'T' || text[10] == 't');
  if (!has_t || !take(text, 4, "-", parts.tm_year) || !take(text, 2, "-", parts.tm_mon) ||
      !take(text, 2, text.substr(2, 1), parts.tm_mday) || !take(text, 2, ":", parts.tm_hour) ||
      !take(text, 2, ":", parts.tm_min) || !take(text, 2, "", parts.tm_sec))
    return std::nullopt;
  if (parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 || parts.tm_mday > 31 ||
      parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60)
    return std::nullopt;
  if (text.starts_with('.')) {
    const auto digits = text.find_first_not_of("0123456789", 1);
    if (digits == text.npos || digits == 1) return std::nullopt;
    text.remove_prefix(digits);
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  const std::int64_t time = ::timegm(&parts);
  if (text == "Z" || text == "z") return time;
  int hours = 0, minutes = 0;
  const bool is_ahead = text.starts_with('+');
  if (!is_ahead && !text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  if (!take(text, 2, ":", hours) || !take(text, 2, "", minutes) || !text.empty() || hours > 23 ||
      minutes > 59)
    return std::nullopt;
  return time + (is_ahead ? -1 : 1) * (hours * 3600 + minutes * 60);
}

Result<SuggestedWindow> read_renewal_info(std::string_view body) {
  const auto json = parse_object(body, kWhat);
  if (!json) return fail(json.error());
  const auto window = json->find("suggestedWindow");
  const Json& object = window == json->end() ? Json::object() : *window;
  std::array<std::int64_t, 2> times{};
  for (const auto& [member, at] : {std::pair{"start", 0U}, std::pair{"end", 1U}}) {
    const auto text = text_in(object, member, kWhat);
    if (!text) return fail(text.error());
    const auto time = time_from(*text);
    if (!time)
      return fail(Error::invalid(fmt::format("the CA's renewal information has a \"{}\" that is no time: {}",
                                             member, printable(*text, 40))));
    times.at(at) = *time;
  }
  if (times[1] <= times[0])
    return fail(Error::invalid("the window of the CA's renewal information ends before it begins"));
  const auto explanation = optional_text_in(*json, "explanationURL", kWhat);
  return SuggestedWindow{times[0], times[1], explanation ? printable(*explanation, 300) : ""};
}

}  // namespace certlatch
