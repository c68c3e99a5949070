// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "worker/show/report.h"

namespace certlatch {

void JsonReport::say(std::string_view line) {
  if (verbosity_ != Verbosity::quiet) print("done", line);
}

void JsonReport::problem(std::string_view line) { print("problem", line); }

void JsonReport::detail(std::string_view line) {
  if (verbosity_ == Verbosity::verbose) print("detail", line);
}

void JsonReport::step(std::string_view of, std::string_view what, std::int64_t until) {
  if (verbosity_ != Verbosity::quiet && !what.empty())
    print("step", std::string(of) + ": " + std::string(what), until);
}

void JsonReport::wait(std::string_view of, std::string_view what, std::int64_t until) {
  if (verbosity_ != Verbosity::quiet) print("wait", std::string(of) + ": " + std::string(what), until);
}

void JsonReport::later(std::string_view of, std::string_view what, std::int64_t at) {
  if (verbosity_ != Verbosity::quiet) print("later", std::string(of) + ": " + std::string(what), at);
}

void JsonReport::print(std::string_view event, std::string_view line, std::int64_t until) {
  nlohmann::ordered_json object = {{"time", std::time(nullptr)}, {"event", event}};
  const auto about = std::ranges::find_if(certificates_, [&](const std::string& name) {
    return line.starts_with(name) && line.substr(name.size()).starts_with(": ");
  });
  if (about != certificates_.end()) {
    object["certificate"] = *about;
    line.remove_prefix(about->size() + 2);
  }
  object["text"] = line;
  if (until != 0) object["until"] = until;
  const auto text = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace certlatch
