// SPDX-License-Identifier: MIT
#include "worker/command/command_run.h"

#include <unistd.h>

#include <cstdlib>

#include "worker/show/screen.h"

namespace certlatch {

std::unique_ptr<Report> report_for(const Setting& setting, const Config& config, Form form) {
  const auto verbosity = setting.quiet     ? Verbosity::quiet
                         : setting.verbose ? Verbosity::verbose
                                           : Verbosity::normal;
  if (form == Form::events) {
    std::vector<std::string> names;
    for (const auto& certificate : config.certificates) names.push_back(certificate.name);
    return std::make_unique<JsonReport>(verbosity, std::move(names));
  }
  // On a terminal that can take a line back.
  const char* terminal = std::getenv("TERM");
  if (verbosity != Verbosity::quiet && ::isatty(STDOUT_FILENO) == 1 && terminal != nullptr &&
      std::string_view(terminal) != "dumb") {
    const auto screen = Screen::of(STDOUT_FILENO);
    return std::make_unique<LiveConsole>(verbosity, screen.width, screen.height);
  }
  return std::make_unique<Console>(verbosity);
}

CommandRun::CommandRun(Config config, Store store, UniqueFd lock, StopSignal stop, const Setting& setting,
                       Form form)
    : config_(std::move(config)),
      store_(std::move(store)),
      lock_(std::move(lock)),
      stop_(std::move(stop)),
      peers_("/proc/self/exe", setting.socket),
      report_(report_for(setting, config_, form)) {}

std::optional<CommandRun> CommandRun::start(const Setting& setting, Config config, int& code, Form form) {
  auto store = Store::open(setting.state);
  if (!store) return code = complain(kFailed, store.error().message), std::nullopt;
  auto lock = store->lock();
  if (!lock) {
    const bool is_held = lock.error().kind == Error::Kind::conflict;
    return code = complain(is_held ? kLocked : kFailed, lock.error().message), std::nullopt;
  }
  auto stop = StopSignal::catch_signals();
  if (!stop) return code = complain(kFailed, stop.error().message), std::nullopt;
  return CommandRun(std::move(config), std::move(*store), std::move(*lock), std::move(*stop), setting, form);
}

Run CommandRun::run() {
  return {.config = config_, .store = store_, .peers = peers_, .report = *report_, .stop = stop_, .now = now};
}

}  // namespace certlatch
