// SPDX-License-Identifier: MIT
// A host in memory, whose packet filter and toggles fail on demand at call N.
#pragma once

#include <doctest/doctest.h>

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
  std::set<std::string> raised;  // openings that hold a toggle
  bool has_guard = false;
  bool is_abandoned = false;
  std::optional<std::string> changed_by;

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
  template <class T>
  Result<T> answer(const std::string& name, T value) {
    if (auto done = call(name); !done) return fail(done.error());
    return value;
  }
};

class FakeNetfilter : public Netfilter {
 public:
  explicit FakeNetfilter(FakeHost& host) : host_(host) {}

  Result<std::vector<Listener>> listeners(std::uint16_t port) override {
    const bool is_responder = port == 8080;
    return host_.answer("listeners",
                        is_responder ? std::vector<Listener>{{"::", true, true}} : std::vector<Listener>());
  }
  Result<std::optional<std::string>> nat_rule(std::uint16_t) override {
    return host_.answer("nat_rule", std::optional<std::string>());
  }
  Result<void> open(const OpeningEntry& entry, std::chrono::milliseconds time) override {
    return host_.call("open", [&] {
      host_.open[entry.name] = host_.now + time;
      host_.rules.insert(entry.name);
      host_.gates.insert(entry.name);
    });
  }
  Result<void> shut(const OpeningEntry& entry) override {
    return host_.call("shut", [&] { host_.open.erase(entry.name); });
  }
  Result<std::string> remove(const OpeningEntry& entry) override {
    auto done = host_.call("remove", [&] {
      host_.rules.erase(entry.name);
      host_.gates.erase(entry.name);
    });
    if (!done) return fail(done.error());
    return std::string();
  }
  void abandon() override {
    host_.made.push_back("abandon");
    host_.rules.clear();
    host_.open.clear();
    host_.is_abandoned = true;
  }
  Result<void> cut_flows(const OpeningEntry&) override { return host_.call("cut_flows"); }
  std::vector<GateChange> restore_gates(const OpeningEntry& entry) override {
    const bool is_missing = !host_.gates.contains(entry.name);
    auto done = host_.call("restore_gates", [&] { host_.gates.insert(entry.name); });
    return is_missing || !done ? std::vector<GateChange>{{"inet filter input", done}}
                               : std::vector<GateChange>();
  }
  Result<void> remove_gates(const OpeningEntry& entry) override {
    return host_.call("remove_gates", [&] { host_.gates.erase(entry.name); });
  }
  Result<void> remove_stale_table() override { return host_.call("remove_stale_table"); }
  Result<bool> put_guard() override {
    const bool was_missing = !host_.has_guard;
    auto done = host_.call("put_guard", [&] { host_.has_guard = true; });
    if (!done) return fail(done.error());
    return was_missing;
  }
  Result<void> remove_guard() override {
    return host_.call("remove_guard", [&] { host_.has_guard = false; });
  }
  int events() const override { return -1; }
  std::optional<std::string> changed_by() override { return std::exchange(host_.changed_by, std::nullopt); }

 private:
  FakeHost& host_;
};

class FakeRouteLocalnet : public RouteLocalnet {
 public:
  explicit FakeRouteLocalnet(FakeHost& host) : host_(host) {}

  Result<void> raise(const std::string&, const std::string& opening) override {
    return host_.call("raise", [&] { host_.raised.insert(opening); });
  }
  Result<void> lower(const std::string& opening) override {
    return host_.call("lower", [&] { host_.raised.erase(opening); });
  }
  bool is_any_needed() const override { return !host_.raised.empty(); }

 private:
  FakeHost& host_;
};

}  // namespace certlatch
