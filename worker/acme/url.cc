// SPDX-License-Identifier: MIT
#include "worker/acme/url.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "worker/acme/printable.h"

namespace certlatch {
namespace {

constexpr std::string_view kScheme = "https://";

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::optional<std::string> text_of(CURLU* url, CURLUPart part, unsigned flags) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return std::nullopt;
  std::string copy(text);
  curl_free(text);
  return copy;
}

std::optional<std::string> part_of(const std::string& url, unsigned parse_flags, CURLUPart part,
                                   unsigned flags) {
  const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), parse_flags) != CURLUE_OK)
    return std::nullopt;
  return text_of(parsed.get(), part, flags);
}

std::optional<std::uint16_t> number(const std::optional<std::string>& text) {
  std::uint16_t port = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), port).ec != std::errc())
    return std::nullopt;
  return port;
}

}  // namespace

Result<void> check_url(std::string_view url, std::string_view what) {
  const auto refuse = [&](std::string_view why) {
    return fail(Error::invalid(fmt::format("{} is {}: {}", what, why, printable(url, 200))));
  };
  if (url.size() > kMaxUrlBytes) return refuse(fmt::format("longer than {} bytes", kMaxUrlBytes));
  if (!url.starts_with(kScheme)) return refuse("not an https URL");
  const bool visible =
      std::ranges::all_of(url, [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '\\'; });
  if (!visible) return refuse("a URL with a character that URLs do not have");
  const std::string_view authority =
      url.substr(kScheme.size(), url.find('/', kScheme.size()) - kScheme.size());
  if (authority.empty() || authority.find_first_of("@?#") != std::string_view::npos ||
      !port_of_url(std::string(url)))
    return refuse("not a URL of a plain host");
  return {};
}

Result<void> check_url(std::string_view url, std::string_view what, std::string_view origin) {
  if (auto good = check_url(url, what); !good) return good;
  if (origin_of(url) != origin)
    return fail(
        Error::invalid(fmt::format("{} is {}, which is not of {}, the origin of the CA's directory: nothing "
                                   "is signed for it",
                                   what, printable(url, 200), printable(origin, 200))));
  return {};
}

std::string_view origin_of(std::string_view url) { return url.substr(0, url.find('/', kScheme.size())); }

std::string resolved(const std::string& base, const std::string& reference) {
  if (base.empty() || reference.empty() || reference.starts_with(kScheme)) return reference;
  const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
  // Set onto what is there, a URL is taken relative to it.
  for (const auto* part : {&base, &reference})
    if (!url || curl_url_set(url.get(), CURLUPART_URL, part->c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
      return reference;
  return text_of(url.get(), CURLUPART_URL, 0).value_or(reference);
}

std::optional<std::uint16_t> port_of_url(const std::string& url) {
  return number(part_of(url, 0, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::optional<std::uint16_t> port_of_proxy(const std::string& proxy) {
  // A proxy without a scheme is an HTTP proxy; without a port it is asked at 1080, whatever its scheme but
  // https.
  constexpr unsigned kFlags = CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME;
  const auto scheme = part_of(proxy, kFlags, CURLUPART_SCHEME, 0);
  if (!scheme) return std::nullopt;
  const auto port = part_of(proxy, kFlags, CURLUPART_PORT, 0);
  if (!port) return *scheme == "https" ? 443 : 1080;
  return number(port);
}

}  // namespace certlatch
