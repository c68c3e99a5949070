// SPDX-License-Identifier: MIT
// JSON from a CA: bounded before it is built, and looked at with sentences for everything that is not as
// expected.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace certlatch {

using Json = nlohmann::json;

inline constexpr int kMaxJsonDepth = 32;

/// The object that `body` is. `what` names the request in the sentence: "the CA's answer to newOrder is not
/// JSON (it begins: <html>)".
[[nodiscard]] Result<Json> parse_object(std::string_view body, std::string_view what);

// Members of an object; a wrong type is always an error. An optional one that is missing or null is "".
[[nodiscard]] Result<std::string> text_in(const Json& object, const char* member, std::string_view what);
[[nodiscard]] Result<std::string> optional_text_in(const Json& object, const char* member,
                                                   std::string_view what);
/// A list of at most `most` elements, borrowed from `object`.
[[nodiscard]] Result<const Json*> list_in(const Json& object, const char* member, std::size_t most,
                                          std::string_view what);

}  // namespace certlatch
