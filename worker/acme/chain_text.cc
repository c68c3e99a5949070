// SPDX-License-Identifier: MIT
#include "worker/acme/chain_text.h"

#include <fmt/format.h>

#include "worker/acme/printable.h"

namespace certlatch {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

/// Takes the first line off `text`, without its end and the blanks before it.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  const auto last = line.find_last_not_of(" \t\r");
  return line.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

bool is_base64(std::string_view line) {
  return !line.empty() &&
         line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") ==
             std::string_view::npos;
}

}  // namespace

Result<std::string> chain_text(std::string_view body) {
  if (body.size() > kMaxChainBytes)
    return fail(Error::invalid(
        fmt::format("the CA's certificate chain is longer than {} KiB", kMaxChainBytes / 1024)));
  const auto refuse = [](std::string_view why, std::string_view line) {
    return fail(Error::invalid(fmt::format("the CA's certificate chain {}: {}", why, printable(line, 80))));
  };
  std::string chain;
  bool is_within = false;
  while (!body.empty()) {
    const std::string_view line = take_line(body);
    if (!is_within && line.empty()) continue;
    if (line != (is_within ? kEnd : kBegin)) {
      if (!is_within) return refuse("has something else between its certificates", line);
      if (!is_base64(line)) return refuse("has a line that is not base64", line);
    } else {
      is_within = !is_within;
    }
    chain.append(line).push_back('\n');
  }
  if (is_within) return refuse("ends in the middle of a certificate", "");
  if (chain.empty()) return refuse("holds no certificate", "");
  return chain;
}

}  // namespace certlatch
