// SPDX-License-Identifier: MIT
#include "worker/run/long_wait.h"

#include <algorithm>
#include <ctime>

namespace certlatch {
namespace {
constexpr std::chrono::seconds kLong{5};
}  // namespace

LongWait::LongWait(Report& report, std::string of, std::string what, Deadline until)
    : report_(report), of_(std::move(of)), what_(std::move(what)), until_(until), tells_at_(in(kLong)) {}

LongWait::~LongWait() {
  if (is_told_) report_.step(of_, "");
}

Deadline LongWait::or_sooner(Deadline other) const { return is_told_ ? other : std::min(other, tells_at_); }

void LongWait::tell() {
  const auto now = std::chrono::steady_clock::now();
  if (is_told_ || now < tells_at_) return;
  is_told_ = true;
  report_.wait(of_, what_,
               std::time(nullptr) + std::chrono::ceil<std::chrono::seconds>(until_ - now).count());
}

}  // namespace certlatch
