// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "worker/show/report.h"

struct RecordedReport : certlatch::Report {
  std::string said, problems, details, steps, laters, waits;
  void say(std::string_view line) override { said += std::string(line) + "\n"; }
  void problem(std::string_view line) override { problems += std::string(line) + "\n"; }
  void later(std::string_view of, std::string_view what, std::int64_t) override {
    laters += std::string(of) + ": " + std::string(what) + "\n";
  }
  void wait(std::string_view of, std::string_view what, std::int64_t) override {
    waits += std::string(of) + ": " + std::string(what) + "\n";
  }
  void step(std::string_view of, std::string_view what, std::int64_t) override {
    steps += std::string(of) + ": " + std::string(what) + "\n";
  }
  void detail(std::string_view line) override { details += std::string(line) + "\n"; }
};
