// SPDX-License-Identifier: MIT
#include "worker/acme/json.h"

#include <fmt/format.h>

#include <algorithm>

#include "worker/acme/printable.h"

namespace certlatch {
namespace {

/// Over what a parser would see; text that is not JSON may give any answer.
int depth_of(std::string_view body) {
  int depth = 0, deepest = 0;
  bool is_in_string = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (is_in_string) {
      if (c == '\\') ++i;
      if (c == '"') is_in_string = false;
    } else if (c == '"') {
      is_in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

std::unexpected<Error> refuse(std::string_view what, std::string_view why) {
  return fail(Error::invalid(fmt::format("the CA's answer to {} {}", what, why)));
}

}  // namespace

Result<Json> parse_object(std::string_view body, std::string_view what) {
  if (body.empty()) return refuse(what, "is empty");
  if (depth_of(body) > kMaxJsonDepth) return refuse(what, "is nested too deeply");
  Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded())
    return refuse(what, fmt::format("is not JSON (it begins: {})", printable(body, 80)));
  if (!json.is_object())
    return refuse(what, fmt::format("is not an object (it begins: {})", printable(body, 80)));
  return json;
}

Result<std::string> text_in(const Json& object, const char* member, std::string_view what) {
  auto text = optional_text_in(object, member, what);
  if (text && text->empty()) return refuse(what, fmt::format("has no \"{}\"", member));
  return text;
}

Result<std::string> optional_text_in(const Json& object, const char* member, std::string_view what) {
  if (!object.is_object())
    return refuse(what, fmt::format("has something else than an object around \"{}\"", member));
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_string()) return refuse(what, fmt::format("has a \"{}\" that is no text", member));
  return found->get<std::string>();
}

Result<const Json*> list_in(const Json& object, const char* member, std::size_t most, std::string_view what) {
  const auto found = object.find(member);
  if (found == object.end()) return refuse(what, fmt::format("has no \"{}\"", member));
  if (!found->is_array()) return refuse(what, fmt::format("has a \"{}\" that is no list", member));
  if (found->size() > most) return refuse(what, fmt::format("has more than {} \"{}\"", most, member));
  return &*found;
}

}  // namespace certlatch
