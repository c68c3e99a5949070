// SPDX-License-Identifier: MIT
// What a run says to a person. Lines carry no line end; a line may hold further lines below it, indented.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace certlatch {

class Report {
 public:
  virtual ~Report() = default;
  /// Something was done.
  virtual void say(std::string_view line) = 0;
  /// Something went wrong.
  virtual void problem(std::string_view line) = 0;
  /// Each step as it happens, for those who asked for it.
  virtual void detail(std::string_view line) = 0;
  /// What a certificate or a service is going through now: "asks the CA", "installs". Shown where it can be
  /// replaced by what comes next. `until`: when it is over at the latest (seconds since 1970), where that is
  /// known.
  virtual void step(std::string_view /*of*/, std::string_view /*what*/, std::int64_t /*until*/ = 0) {}
  /// A step that is nothing but a wait, until then (seconds since 1970) at the latest: worth a line wherever
  /// it is long.
  virtual void wait(std::string_view of, std::string_view what, std::int64_t until);
  /// What is left to a later run, and why: for people who look on.
  virtual void later(std::string_view of, std::string_view what, std::int64_t /*at*/) {
    detail(std::string(of).append(": ").append(what));
  }
};

/// "waits for something, until 2026-01-31 10:35:12 UTC".
[[nodiscard]] std::string wait_text(std::string_view what, std::int64_t until);

enum class Verbosity : std::uint8_t { quiet, normal, verbose };

/// Standard output, and standard error for problems.
class Console : public Report {
 public:
  explicit Console(Verbosity verbosity) : verbosity_(verbosity) {}
  void say(std::string_view line) override;
  void problem(std::string_view line) override;
  void detail(std::string_view line) override;

 private:
  Verbosity verbosity_;
};

/// The same on a terminal, with a line below it for each certificate and service that is under way.
class LiveConsole : public Console {
 public:
  LiveConsole(Verbosity verbosity, std::size_t width, std::size_t height)
      : Console(verbosity), width_(width), height_(height) {}
  ~LiveConsole() override { clear(); }
  LiveConsole(const LiveConsole&) = delete;
  LiveConsole& operator=(const LiveConsole&) = delete;
  void say(std::string_view line) override;
  void problem(std::string_view line) override;
  void detail(std::string_view line) override;
  void step(std::string_view of, std::string_view what, std::int64_t until) override;
  void wait(std::string_view of, std::string_view what, std::int64_t until) override;
  void later(std::string_view of, std::string_view what, std::int64_t at) override;

 private:
  struct Step {
    std::string of, what;
    std::int64_t until = 0;  // 0: until it is said to be over
  };
  void show(Step step);
  void clear();
  void draw();
  std::size_t width_, height_;
  std::vector<Step> steps_;  // in the order in which they began, one for each
  std::size_t drawn_lines_ = 0;
};

/// One object a line on standard output: `time` (seconds since 1970), `event` (`done`, `problem`, `step`,
/// `wait`, `later` or `detail`), `text`, `until` with `wait` and `later`, and with `step` where it is known,
/// and `certificate` where it is about one of `certificates`.
class JsonReport : public Report {
 public:
  JsonReport(Verbosity verbosity, std::vector<std::string> certificates)
      : verbosity_(verbosity), certificates_(std::move(certificates)) {}
  void say(std::string_view line) override;
  void problem(std::string_view line) override;
  void detail(std::string_view line) override;
  void step(std::string_view of, std::string_view what, std::int64_t until) override;
  void wait(std::string_view of, std::string_view what, std::int64_t until) override;
  void later(std::string_view of, std::string_view what, std::int64_t at) override;

 private:
  void print(std::string_view event, std::string_view line, std::int64_t until = 0);
  Verbosity verbosity_;
  std::vector<std::string> certificates_;
};

}  // namespace certlatch
