// SPDX-License-Identifier: MIT
// A host in memory, whose packet filter and toggles fail on demand at call N.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/netfilter/netfilter.h"
#include "broker/route_localnet.h"

namespace certlatch {

enum class Failure {
  without_effect,  // call N fails and changed nothing
  with_effect,     // call N did its work, but says that it failed: a lost acknowledgement
  from_then_on,    // call N and all that follow fail and change nothing
};

struct FakeHost {
  int fail_at = 0;  // 0: never
  Failure failure = Failure::without_effect;

  int calls = 0;
  std::vector<std::string> made;  // the calls, in their order
  std::chrono::steady_clock::time_point now;
  std::map<std::string, std::chrono::steady_clock::time_point>
      open;                      // openings and when the kernel ends them
  std::set<std::string> rules;   // openings whose rules stand
  std::set<std::string> gates;   // openings whose gate stands
  std::set<std::string> raised;  // interfaces whose toggle is set
  bool has_guard = false;
  bool is_abandoned = false;
  bool is_changed = false;  // by somebody else

  [[nodiscard]] bool is_open() const {
    return std::any_of(open.begin(), open.end(), [&](const auto& one) { return one.second > now; });
  }
  [[nodiscard]] bool is_clean() const {
    return open.empty() && rules.empty() && gates.empty() && raised.empty() && !has_guard;
  }

  Result<void> call(
      const std::string& name, const std::function<void()>& effect = [] {}) {
    ++calls;
    made.push_back(name);
    const bool fails =
        fail_at != 0 && (calls == fail_at || (calls > fail_at && failure == Failure::from_then_on));
    if (!fails || failure == Failure::with_effect) effect();
    CHECK_MESSAGE((has_guard || raised.empty()), "route_localnet is set without its guard");
    if (fails) return fail(Error::system(name, ENOMEM));
    return {};
  }
};

class FakeNetfilter : public Netfilter {
 public:
  explicit FakeNetfilter(FakeHost& host) : host_(host) {}

  Result<void> check_free(std::uint16_t) override { return host_.call("check_free"); }
  Result<void> open(const OpeningEntry& entry, std::chrono::milliseconds time) override {
    return host_.call("open", [&] {
      host_.open[entry.name] = host_.now + time;
      host_.rules.insert(entry.name);
      host_.gates.insert(entry.name);
      host_.has_guard = host_.has_guard || entry.to_loopback;
    });
  }
  Result<void> shut(const OpeningEntry& entry) override {
    return host_.call("shut", [&] { host_.open.erase(entry.name); });
  }
  Result<void> cut_flows(const OpeningEntry&) override { return host_.call("cut_flows"); }
  Result<void> remove(const OpeningEntry& entry) override {
    return host_.call("remove", [&] { host_.rules.erase(entry.name); });
  }
  Result<void> remove_gates(const OpeningEntry& entry) override {
    return host_.call("remove_gates", [&] { host_.gates.erase(entry.name); });
  }
  void abandon() override {
    host_.made.push_back("abandon");
    host_.rules.clear();
    host_.open.clear();
    host_.is_abandoned = true;
  }
  Result<void> remove_table(const char* table) override {
    return host_.call(fmt::format("remove_table {}", table),
                      [&] { host_.has_guard = host_.has_guard && table != std::string_view(kGuardTable); });
  }
  std::vector<std::string> restore() override {
    if (!std::exchange(host_.is_changed, false)) return {};
    const auto done = host_.call("restore", [&] { host_.gates = host_.rules; });
    return {done ? "gate in inet filter input was put back" : "gate in inet filter input is gone: a failure"};
  }

 private:
  FakeHost& host_;
};

class FakeRouteLocalnet : public RouteLocalnet {
 public:
  explicit FakeRouteLocalnet(FakeHost& host) : host_(host) {}

  Result<void> set(const std::set<std::string>& interfaces) override {
    return host_.call("set toggles", [&] { host_.raised = interfaces; });
  }

 private:
  FakeHost& host_;
};

}  // namespace certlatch
