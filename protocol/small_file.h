// SPDX-License-Identifier: MIT
// Small files below a held directory: read whole, or written so that a crash leaves the old or the new one.
// What the broker remembers is encoded as its messages are (protocol/archive.h).
#pragma once

#include <fcntl.h>

#include <span>
#include <string>
#include <string_view>

#include "protocol/archive.h"
#include "protocol/result.h"

namespace certlatch {

/// At most `limit` bytes of a regular file; a link is not followed, unless `flags` are without O_NOFOLLOW.
Result<std::string> read_small_file(int directory, const char* name, std::size_t limit,
                                    int flags = O_NOFOLLOW);
/// Every byte, or an error.
Result<void> write_whole(int fd, std::string_view text);
/// Written as NAME.new with mode 0600 and renamed over, both on the disk when this returns.
Result<void> replace_small_file(int directory, const std::string& name, std::string_view text);

/// What replace_record() wrote, of the same type.
template <class Record>
Result<Record> read_record(int directory, const char* name, std::size_t limit) {
  const auto text = TRY(read_small_file(directory, name, limit));
  return decode<Record>(std::as_bytes(std::span(text)));
}

/// Kind::invalid when it would take more than `limit` bytes; the old one stays then.
template <class Record>
Result<void> replace_record(int directory, const char* name, const Record& record, std::size_t limit) {
  std::string text(limit, '\0');
  text.resize(TRY(encode(record, std::as_writable_bytes(std::span(text)))));
  return replace_small_file(directory, name, text);
}

}  // namespace certlatch
