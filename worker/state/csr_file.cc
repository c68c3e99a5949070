// SPDX-License-Identifier: MIT
#include "worker/state/csr_file.h"

#include <fcntl.h>
#include <sodium.h>

#include <string_view>

#include "worker/state/replace_file.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxBytes = 16 * 1024;

/// Between the lines of a PEM block; empty when there is none.
std::string_view block_in(std::string_view text) {
  for (const std::string_view label : {"CERTIFICATE REQUEST-----", "NEW CERTIFICATE REQUEST-----"}) {
    const std::string begin = "-----BEGIN " + std::string(label), end = "-----END " + std::string(label);
    const auto from = text.find(begin), to = text.find(end);
    if (from != text.npos && to != text.npos && from < to)
      return text.substr(from + begin.size(), to - from - begin.size());
  }
  return {};
}

}  // namespace

Result<std::string> read_csr_file(const std::string& path) {
  const auto text = read_file(AT_FDCWD, path, kMaxBytes, path);
  if (!text) return fail(text.error());
  if (!*text) return fail(Error::invalid(path + " is missing"));
  constexpr char kSequence = 0x30;  // how DER begins
  if ((*text)->starts_with(kSequence)) return **text;
  const std::string_view block = block_in(**text);
  std::string der(block.size() + 1, '\0');
  std::size_t size = 0;
  if (block.empty() ||
      sodium_base642bin(reinterpret_cast<unsigned char*>(der.data()), der.size(), block.data(), block.size(),
                        " \t\r\n", &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return fail(Error::invalid(path + " is not a certificate request, in PEM or DER"));
  der.resize(size);
  return der;
}

}  // namespace certlatch
