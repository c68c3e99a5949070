// SPDX-License-Identifier: MIT
// The keeper's main loop. The main process may be silent for long and is trusted; the acme process parses
// bytes from the network: a malformed message from it, one that stays unfinished, or an answer it does not
// take ends its service for good, and never that of the main process.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <optional>

#include "protocol/channel.h"
#include "worker/keeper/keeper.h"
#include "worker/keeper/private_key.h"
#include "worker/role/role.h"

namespace certlatch {
namespace {

using std::chrono::seconds;

// The first message comes as soon as the main process has started all its helpers.
constexpr seconds kStartDeadline{60};
constexpr seconds kAnswerDeadline{5};
// An acme process that does not read keeps the main process waiting for no longer than this.
constexpr seconds kSignatureDeadline{1};

int complain(const Error& error) {
  fmt::print(stderr, "certlatch keeper: {}\n", error.message);
  return 1;
}

Result<Keeper> start(Channel& parent) {
  if (auto ready = prepare_key_memory(); !ready) return fail(ready.error());
  auto first = parent.receive<KeeperOrder>(in(kStartDeadline));
  if (!first) return fail(first.error());
  const auto* order = std::get_if<KeeperStart>(&*first);
  if (order == nullptr) return fail(Error::invalid("the first message is not KeeperStart"));
  auto keeper = Keeper::open(*order);
  if (!keeper) return fail(keeper.error());
  RoleLimits limits{.role = "keeper", .landlock = {}, .may_open_files = true};
  limits.landlock.paths = {{order->accounts_directory, PathAccess::maintain},
                           {order->certificates_directory, PathAccess::maintain}};
  if (auto confined = confine_role(limits); !confined) return fail(confined.error());
  return keeper;
}

/// Reads what has come, and answers the message when it is whole.
template <class Order>
Result<void> serve(Channel& channel, Keeper& keeper, seconds deadline) {
  const auto whole = channel.fill();
  if (!whole) return fail(whole.error());
  if (!*whole) return {};
  const auto order = channel.take<Order>();
  if (!order) return fail(order.error());
  auto answer = keeper.answer(*order);
  auto sent = channel.send(answer, in(deadline));
  if (!sent && sent.error().kind == Error::Kind::invalid) {  // it does not fit into a frame
    answer = KeeperFailed{"the answer is too long to be sent"};
    sent = channel.send(answer, in(deadline));
  }
  return sent;
}

bool is_overdue(const Channel& channel) {
  return channel.frame_began() && std::chrono::steady_clock::now() > *channel.frame_began() + kFrameDeadline;
}

int wait_milliseconds(const Channel& parent, const std::optional<Channel>& acme) {
  auto began = parent.frame_began();
  if (acme && acme->frame_began())
    began = began ? std::min(*began, *acme->frame_began()) : acme->frame_began();
  if (!began) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*began + kFrameDeadline -
                                                                 std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0)) + 1;
}

int serve_both(Channel& parent, std::optional<Channel> acme, Keeper& keeper) {
  for (;;) {
    std::array<pollfd, 2> ready{pollfd{parent.fd(), POLLIN, 0}, pollfd{acme ? acme->fd() : -1, POLLIN, 0}};
    if (::poll(ready.data(), ready.size(), wait_milliseconds(parent, acme)) < 0 && errno != EINTR)
      return complain(Error::system("poll"));
    if (ready[0].revents != 0) {
      const auto served = serve<KeeperOrder>(parent, keeper, kAnswerDeadline);
      if (!served && served.error().kind == Error::Kind::closed) return 0;
      if (!served) return complain(served.error().in("the main process"));
    }
    if (is_overdue(parent))
      return complain(Error::timed_out("a message of the main process stays unfinished"));
    if (acme && ready[1].revents != 0) {
      const auto served = serve<SignatureOrder>(*acme, keeper, kSignatureDeadline);
      if (!served && served.error().kind != Error::Kind::closed)
        complain(served.error().in("the acme process is served no longer"));
      if (!served) acme.reset();
    }
    if (acme && is_overdue(*acme)) acme.reset();
  }
}

}  // namespace

int keeper_role(Channel parent, Channel acme) try {
  auto keeper = start(parent);
  if (!keeper) return keeper.error().kind == Error::Kind::closed ? 0 : complain(keeper.error());
  return serve_both(parent, std::move(acme), *keeper);
} catch (const std::exception& e) {
  return complain(Error::invalid(e.what()));
}

}  // namespace certlatch
