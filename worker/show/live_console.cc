// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>

#include "worker/show/report.h"
#include "worker/show/screen.h"

namespace certlatch {
namespace {
constexpr std::size_t kMostLines = 12;
}  // namespace

void LiveConsole::say(std::string_view line) {
  clear();
  Console::say(line);
  draw();
}

void LiveConsole::problem(std::string_view line) {
  clear();
  Console::problem(line);
  draw();
}

void LiveConsole::detail(std::string_view line) {
  clear();
  Console::detail(line);
  draw();
}

void LiveConsole::step(std::string_view of, std::string_view what, std::int64_t until) {
  show({std::string(of), until == 0 ? std::string(what) : wait_text(what, until)});
}

void LiveConsole::wait(std::string_view of, std::string_view what, std::int64_t until) {
  show({std::string(of), wait_text(what, until), until});
}

void LiveConsole::later(std::string_view of, std::string_view what, std::int64_t) {
  say(std::string(of).append(": ").append(what));
}

void LiveConsole::show(Step step) {
  const auto known = std::ranges::find(steps_, step.of, &Step::of);
  if (step.what.empty()) {
    if (known == steps_.end()) return;
    steps_.erase(known);
  } else if (known == steps_.end()) {
    steps_.push_back(std::move(step));
  } else {
    *known = std::move(step);
  }
  clear();
  draw();
}

void LiveConsole::clear() {
  const auto lines = std::exchange(drawn_lines_, 0);
  if (lines == 0) return;
  // The cursor stands at the end of the last one.
  std::string text = "\r";
  if (lines > 1) text += "\x1b[" + std::to_string(lines - 1) + "A";
  text += "\x1b[J";
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

void LiveConsole::draw() {
  const auto now = std::time(nullptr);
  std::erase_if(steps_, [&](const Step& step) { return step.until != 0 && step.until < now; });
  if (steps_.empty()) return;
  // Never so many that the first ones leave the screen: what has scrolled away cannot be taken back.
  const std::size_t most = std::clamp<std::size_t>(height_ / 2, 1, kMostLines);
  const std::size_t shown = steps_.size() <= most ? steps_.size() : most - 1;
  std::size_t column = 0;
  for (std::size_t i = 0; i < shown; ++i) column = std::max(column, columns_of(steps_[i].of));
  column = std::min(column, width_ / 2);
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    std::string line = "  " + steps_[i].of;
    line.append(column + 2 > columns_of(line) ? column + 2 - columns_of(line) : 0, ' ');
    line += "  " + steps_[i].what;
    if (i > 0) text += "\n";
    text += wrapped(line, width_ - 1).front();
  }
  if (shown < steps_.size())
    text += (shown > 0 ? "\n" : "") + ("  and " + std::to_string(steps_.size() - shown) + " more");
  drawn_lines_ = shown + (shown < steps_.size() ? 1 : 0);
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace certlatch
