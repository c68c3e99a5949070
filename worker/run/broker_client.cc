// SPDX-License-Identifier: MIT
#include "worker/run/broker_client.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

namespace certlatch {
namespace {

constexpr std::chrono::seconds kShort{30};
/// An install runs the checks of every service that depends on it, each up to ten minutes by the policy.
constexpr std::chrono::minutes kLong{15};

/// That many fit into an answer, as long as nobody gives them the longest names and a dozen services each.
constexpr std::size_t kStatusEntries = 100;

/// All but what is of install entries is in every part.
void add_to(StatusAnswer& whole, StatusAnswer part) {
  std::ranges::move(part.installs, std::back_inserter(whole.installs));
  for (std::size_t i = 0; i < std::min(whole.services.size(), part.services.size()); ++i)
    std::ranges::move(part.services[i].loaded, std::back_inserter(whole.services[i].loaded));
  std::ranges::copy_if(part.budgets, std::back_inserter(whole.budgets),
                       [](const BudgetStatus& budget) { return budget.entry.starts_with("install "); });
}

std::string refusal_text(const Refused& refused) {
  std::string text = refused.sentence;
  if (refused.line > 0) text += fmt::format(" (policy line {})", refused.line);
  for (std::string_view left = refused.output; !left.empty();) {
    const auto end = std::min(left.find('\n'), left.size());
    text += fmt::format("\n  {}", left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return text;
}

}  // namespace

Result<BrokerClient> BrokerClient::greet(Channel channel, const StopSignal& stop, Report& report) {
  BrokerClient client(std::move(channel), stop, report);
  auto hello = client.ask<HelloAnswer>("hello", Hello{}, kShort);
  if (!hello) return fail(hello.error());
  if (hello->version != kProtocolVersion) {
    return fail(
        Error::invalid(fmt::format("the broker speaks version {} of the protocol, this worker version {}",
                                   hello->version, kProtocolVersion)));
  }
  report.detail(fmt::format("broker: confined by {}", hello->confinement));
  return client;
}

Result<StatusAnswer> BrokerClient::status(const std::vector<std::string>& installs) {
  std::optional<StatusAnswer> whole;
  std::size_t most = kStatusEntries;
  for (auto left = std::span(installs); !whole || !left.empty();) {
    const auto some = left.first(std::min(left.size(), most));
    StatusOf request;
    request.installs.assign(some.begin(), some.end());
    if (some.empty()) request.installs = {""};  // none, where nothing would be all
    auto part = ask<StatusAnswer>("status", std::move(request), kShort);
    // Long names and many services: fewer of them fit.
    const bool is_too_much = !part && is_usable_ && refusal_ == RefusalReason::host && some.size() > 1;
    if (is_too_much) most = some.size() / 2;
    if (is_too_much) continue;
    if (!part) return part;
    left = left.subspan(some.size());
    whole ? add_to(*whole, std::move(*part)) : void(whole = std::move(*part));
  }
  return std::move(*whole);
}

Result<Opened> BrokerClient::open(const std::string& entry) {
  auto opened = ask<Opened>("open " + entry, Open{entry, 0}, kShort);
  if (opened && statistics_ != nullptr) {
    ++statistics_->openings;
    open_since_[opened->lease] = std::chrono::steady_clock::now();
  }
  return opened;
}

Result<void> BrokerClient::close(std::uint64_t lease) {
  auto closed = ask<Closed>("close", Close{lease}, kShort);
  if (const auto since = open_since_.find(lease); since != open_since_.end()) {
    const auto open = std::chrono::steady_clock::now() - since->second;
    statistics_->open_milliseconds +=
        static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(open).count());
    open_since_.erase(since);
  }
  if (!closed) return fail(closed.error());
  return {};
}

Result<Installed> BrokerClient::install(const std::string& entry, const std::string& chain, Secret key) {
  LongWait wait(*report_, "install " + entry, "waits for the checks of its services", in(kLong));
  auto installed = ask<Installed>("install " + entry, Install{entry, chain, std::move(key)}, kLong, &wait);
  if (installed && statistics_ != nullptr) ++statistics_->installs;
  return installed;
}

Result<Installed> BrokerClient::stage(const std::string& entry, const std::string& chain, Secret key) {
  Stage request;
  request.entry = entry;
  request.chain = chain;
  request.key = std::move(key);
  LongWait wait(*report_, "install " + entry, "waits for the broker to install it", in(kLong));
  auto staged = ask<Installed>("stage " + entry, std::move(request), kLong, &wait);
  if (staged && statistics_ != nullptr) ++statistics_->installs;
  return staged;
}

Result<Restarted> BrokerClient::restart(const std::string& entry) {
  LongWait wait(*report_, entry, "restarts", in(kLong));
  auto restarted = ask<Restarted>("restart " + entry, Restart{entry}, kLong, &wait);
  if (restarted && statistics_ != nullptr) ++statistics_->restarts;
  return restarted;
}

template <class Wanted>
Result<Wanted> BrokerClient::ask(std::string_view what, Request request, std::chrono::seconds time,
                                 LongWait* wait) {
  if (!is_usable_) return fail(Error::closed("the connection to the broker is lost"));
  const auto began = std::chrono::steady_clock::now();
  const auto lost = [&](const Error& error) {
    is_usable_ = false;
    if (error.kind == Error::Kind::closed && error.sys_errno == 0)
      return fail(
          Error::closed(fmt::format("{}: the broker has ended the connection; its log says why", what)));
    return fail(error.in(fmt::format("the broker, {}", what)));
  };
  if (auto sent = channel_.send(request, in(time)); !sent) {
    // A frame that cannot be sent is no fault of the connection.
    if (sent.error().kind == Error::Kind::invalid) return fail(Error::refused(sent.error().in(what).message));
    return lost(sent.error());
  }
  auto answer = receive(in(time), wait);
  if (!answer) return lost(answer.error());
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  if (auto* refused = std::get_if<Refused>(&*answer)) {
    report_->detail(fmt::format("broker: {}: refused ({} ms)", what, took.count()));
    refusal_ = refused->reason;
    return fail(Error::refused(refusal_text(*refused)));
  }
  if (auto* wanted = std::get_if<Wanted>(&*answer)) {
    report_->detail(fmt::format("broker: {}: done ({} ms)", what, took.count()));
    return std::move(*wanted);
  }
  return lost(Error::invalid("an answer to another request"));
}

Result<Answer> BrokerClient::receive(Deadline deadline, LongWait* wait) {
  for (;;) {
    const auto whole = channel_.fill();
    if (!whole) return fail(whole.error());
    if (*whole) return channel_.take<Answer>();
    if (std::chrono::steady_clock::now() >= deadline) return fail(Error::timed_out("no answer in time"));
    if (wait != nullptr) wait->tell();
    const int time = poll_time(wait == nullptr ? deadline : wait->or_sooner(deadline));
    const int stop = wait == nullptr ? -1 : stop_->fd();
    std::array<pollfd, 2> ready{pollfd{channel_.fd(), POLLIN, 0}, pollfd{stop, POLLIN, 0}};
    if (::poll(ready.data(), ready.size(), time) < 0 && errno != EINTR) return fail(Error::system("poll"));
    if (ready[1].revents != 0) return fail(Error::timed_out("stopped by a signal before the answer came"));
  }
}

}  // namespace certlatch
