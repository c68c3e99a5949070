// SPDX-License-Identifier: MIT
#include "worker/acme/end_authorizations.h"

#include <memory>

#include "worker/acme/abandoned.h"
#include "worker/acme/identifier.h"
#include "worker/acme/order_objects.h"
#include "worker/acme/problem.h"
#include "worker/acme/url.h"

namespace certlatch {
namespace {

using Say = std::function<void(const AcmeAnswer&)>;
constexpr std::string_view kWhat = "newOrder";

void refuse(std::uint32_t id, OrderFailed failure, const Say& say) {
  failure.id = id;
  say(failure);
}

/// One answer after the last of them.
struct Count {
  AuthorizationsEnded ended;
  std::size_t left = 0;
  std::optional<OrderFailed> failure;
};

void ordered(Session& session, std::uint32_t id, const HttpResponse& response, const Say& say) {
  if (response.status >= 300) return refuse(id, failure_of(kWhat, response), say);
  const auto order = read_order(response.body, kWhat, origin_of(session.directory().new_order));
  if (!order) return refuse(id, failure_with(order.error().message, {}), say);
  if (order->authorizations.empty()) return say(AuthorizationsEnded{id, 0});
  auto count = std::make_shared<Count>(Count{{id, 0}, order->authorizations.size(), {}});
  for (const auto& url : order->authorizations)
    session.post({"the end of an authorization", url, kDeactivated, ""}, [count, say](CaOutcome outcome) {
      if (!outcome)
        count->failure = std::move(outcome.error());
      else if (outcome->status >= 300)
        count->failure = failure_of("the end of an authorization", *outcome);
      else
        ++count->ended.count;
      if (--count->left > 0) return;
      count->failure ? refuse(count->ended.id, *count->failure, say) : say(count->ended);
    });
}

}  // namespace

void end_authorizations(Session& session, const EndAuthorizations& task, const Say& say) {
  session.when_ready(Session::Need::account, [&session, task, say](std::expected<void, OrderFailed> ready) {
    if (!ready) return refuse(task.id, std::move(ready.error()), say);
    const PlaceOrder order{.id = task.id, .ca = task.ca, .names = task.names};
    const NewOrder request(order, session.terms(), canonical_names(task.names));
    session.post({std::string(kWhat), session.directory().new_order, request.payload(), ""},
                 [&session, id = task.id, say](CaOutcome outcome) {
                   if (!outcome) return refuse(id, std::move(outcome.error()), say);
                   ordered(session, id, *outcome, say);
                 });
  });
}

}  // namespace certlatch
