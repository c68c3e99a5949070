// SPDX-License-Identifier: MIT
#include "worker/acme/signer.h"

#include <utility>

namespace certlatch {
namespace {
constexpr std::chrono::seconds kSendDeadline{5};
}

void Signer::sign(const SignatureOrder& order, Done done) {
  if (is_gone_) return done(fail(Error::closed("the keeper process is gone")));
  const auto sent = keeper_.send(order, in(kSendDeadline));
  if (!sent) return done(fail(sent.error().in("the keeper process")));
  waiting_.push_back(std::move(done));
}

void Signer::run() {
  while (!is_gone_) {
    const auto whole = keeper_.fill();
    if (!whole) return give_up(whole.error());
    if (!*whole) return;
    auto answer = keeper_.take<SignatureAnswer>();
    if (!answer) return give_up(answer.error());
    if (waiting_.empty()) return give_up(Error::invalid("an answer to no question"));
    auto done = std::move(waiting_.front());
    waiting_.pop_front();
    if (auto* jws = std::get_if<Signed>(&*answer))
      done(std::move(jws->jws));
    else
      done(fail(Error::refused(std::get<KeeperFailed>(*answer).sentence)));
  }
}

void Signer::give_up(const Error& error) {
  is_gone_ = true;
  for (auto& done : std::exchange(waiting_, {})) done(fail(error.in("the keeper process")));
}

}  // namespace certlatch
