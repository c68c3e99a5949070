// SPDX-License-Identifier: MIT
// The one way a function says that it failed: Result<T> holds a T, or an Error that a person can act on.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace certlatch {

struct Error {
  enum class Kind : std::uint8_t {
    invalid,    // the input is malformed: a file, an argument, a message
    refused,    // the policy, the kernel or the CA said no
    conflict,   // the host's state stands in the way: a port in use, a lock held
    system,     // a system call failed; sys_errno says how
    timed_out,  // a deadline passed
    closed,     // the peer ended the connection
  };

  Kind kind = Kind::invalid;
  int sys_errno = 0;    // only with Kind::system
  std::string message;  // a sentence without a final full stop; never holds key material

  static Error invalid(std::string message) { return {Kind::invalid, 0, std::move(message)}; }
  static Error refused(std::string message) { return {Kind::refused, 0, std::move(message)}; }
  static Error conflict(std::string message) { return {Kind::conflict, 0, std::move(message)}; }
  static Error timed_out(std::string message) { return {Kind::timed_out, 0, std::move(message)}; }
  static Error closed(std::string message) { return {Kind::closed, 0, std::move(message)}; }
  /// `doing` says what was tried ("open /etc/x"); the text of `err` (an errno value) follows it.
  static Error system(std::string_view doing, int err = errno) {
    return {Kind::system, err, std::string(doing) + ": " + std::strerror(err)};
  }

  /// The same error seen from further out: "`where`: message".
  [[nodiscard]] Error in(std::string_view where) const& {
    return {kind, sys_errno, std::string(where) + ": " + message};
  }
};

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;

  /// Its error, if it is one, seen from further out.
  [[nodiscard]] Result in(std::string_view where) && {
    if (!this->has_value()) this->error() = this->error().in(where);
    return std::move(*this);
  }
};

/// `return fail(Error::invalid("..."));` in a function that returns any Result.
[[nodiscard]] inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

/// The value of a Result; when it holds an Error instead, the function returns that. Not within another TRY.
#define TRY(result)                                                   \
  ({                                                                  \
    auto&& tried_ = (result);                                         \
    if (!tried_) return ::certlatch::fail(std::move(tried_).error()); \
    *std::move(tried_);                                               \
  })

}  // namespace certlatch
