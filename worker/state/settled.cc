// SPDX-License-Identifier: MIT
#include "worker/state/settled.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>

#include "worker/state/hex.h"
#include "worker/state/live_pair.h"

namespace certlatch {
namespace {

constexpr std::string_view kHeading = "certlatch-settled 1 " CERTLATCH_VERSION;

bool read_seconds(std::string_view text, Seconds& seconds) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds);
  return error == std::errc() && stop == end;
}

bool take(Settled& settled, std::string_view key, std::string_view value) {
  if (key == "since") return read_seconds(value, settled.since);
  if (key == "until") return read_seconds(value, settled.until);
  if (key == "metrics") return settled.metrics = value, true;
  if (key == "configuration") return settled.configuration = value, true;
  if (key == "seen") return read_hex(value, settled.seen);
  if (key == "state") return settled.states.emplace_back(value), true;
  if (key == "pair") return settled.pairs.emplace_back(value), true;
  return false;
}

}  // namespace

std::string settled_text(const Settled& settled) {
  std::string text = fmt::format("{}\nsince {}\nuntil {}\nconfiguration {}\nseen {}\n", kHeading,
                                 settled.since, settled.until, settled.configuration, hex_text(settled.seen));
  if (!settled.metrics.empty()) text += fmt::format("metrics {}\n", settled.metrics);
  for (const auto& name : settled.states) text.append("state ").append(name).append("\n");
  for (const auto& directory : settled.pairs) text.append("pair ").append(directory).append("\n");
  return text;
}

std::optional<Settled> settled_from(std::string_view text) {
  Settled settled;
  bool is_first = true;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const auto blank = line.find(' ');
    const bool is_understood =
        end != text.npos &&
        (is_first ? line == kHeading
                  : blank != line.npos && take(settled, line.substr(0, blank), line.substr(blank + 1)));
    if (!is_understood) return std::nullopt;
    is_first = false;
    text.remove_prefix(end + 1);
  }
  if (is_first || settled.until == 0) return std::nullopt;
  return settled;
}

Digest look_at_all(const Settled& settled, const std::string& state_directory) {
  crypto_generichash_state hash;
  crypto_generichash_init(&hash, nullptr, 0, sizeof(Digest));
  const auto add = [&](const Digest& digest) {
    crypto_generichash_update(&hash, reinterpret_cast<const unsigned char*>(digest.data()), digest.size());
  };
  add(look_at_file(settled.configuration));
  std::string path;
  for (const auto& name : settled.states) {
    path.assign(state_directory).append("/").append(name).append("/state");
    add(look_at_file(path));
  }
  for (const auto& directory : settled.pairs) add(look_at_live_pair(directory));
  Digest seen;
  crypto_generichash_final(&hash, reinterpret_cast<unsigned char*>(seen.data()), seen.size());
  return seen;
}

}  // namespace certlatch
