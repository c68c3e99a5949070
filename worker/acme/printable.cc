// SPDX-License-Identifier: MIT
#include "worker/acme/printable.h"

#include <cstdint>

namespace certlatch {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t size = 0;  // 0: not UTF-8
};

Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
  std::uint32_t code = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  // Overlong forms and surrogates could smuggle what is refused below.
  if ((size == 3 && code < 0x800) || (size == 4 && code < 0x10000)) return {};
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {code, size};
}

bool is_blank(std::uint32_t code) {
  return code == ' ' || (code >= '\t' && code <= '\r') || code == 0x2028 || code == 0x2029;
}

bool is_misleading(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

}  // namespace

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  std::size_t last_cut = 0;  // where "..." can still be put
  while (!text.empty()) {
    const Character character = first_of(text);
    const std::size_t size = character.size == 0 ? 1 : character.size;
    std::string_view piece = text.substr(0, size);
    text.remove_prefix(size);
    if (character.size == 0 || (!is_blank(character.code) && is_misleading(character.code))) piece = "?";
    if (character.size != 0 && is_blank(character.code)) {
      if (out.empty() || out.back() == ' ') continue;
      piece = " ";
    }
    if (out.size() + piece.size() > max_bytes) {
      out.resize(last_cut);
      return out + "...";
    }
    out += piece;
    if (out.size() + 3 <= max_bytes) last_cut = out.size();
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace certlatch
