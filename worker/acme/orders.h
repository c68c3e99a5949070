// SPDX-License-Identifier: MIT
// All orders under way, each joined to the session of its CA. Between the main process's messages and the
// flows.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "worker/acme/abandoned.h"
#include "worker/acme/messages.h"
#include "worker/acme/order_flow.h"
#include "worker/acme/session.h"
#include "worker/acme/sessions.h"

namespace certlatch {

class Orders {
 public:
  using Say = std::function<void(const AcmeAnswer&)>;

  /// `say` takes what the main process is to hear. `sessions` must outlive this.
  Orders(const Sessions& sessions, Say say) : sessions_(sessions), say_(std::move(say)) {}

  void take(const PlaceOrder& order);
  void take(const Validate& order);
  void take(const Finalize& order);
  void run(Deadline now);
  [[nodiscard]] std::optional<Deadline> wake() const;
  /// Of orders that are over, something is still under way that nobody waits for.
  [[nodiscard]] bool is_tidying() const { return abandoned_.under_way() > 0; }

 private:
  struct Entry {
    std::uint64_t serial = 0;  // an id may come again; a late answer must not
    Session* session = nullptr;
    std::unique_ptr<OrderFlow> flow;  // none until the session is ready
    Progress said;                    // last
  };
  [[nodiscard]] Entry* find(std::uint32_t id, std::uint64_t serial);
  [[nodiscard]] OrderFlow* flow_of(std::uint32_t id);
  /// Sends what the order wants sent and says what it has to say; it may be gone afterwards.
  void move_on(std::uint32_t id);
  /// What the order is going through, when that is something else than before.
  void say_progress(Entry& entry, Progress progress);
  void refuse(std::uint32_t id, std::string sentence);

  const Sessions& sessions_;
  Say say_;
  std::map<std::uint32_t, Entry> entries_;
  std::uint64_t last_serial_ = 0;
  AbandonedAuthorizations abandoned_;
};

}  // namespace certlatch
