// SPDX-License-Identifier: MIT
// certlatchd with a back door, for tests alone: the program itself, whose serving is replaced, when it is
// linked, by one attempt. All before it is as in the real one: what it opened, what it holds, how it is
// confined.
#include "broker/server.h"
#include "tests/attack/broken/attempt.h"

namespace certlatch {

// By their linker names: --wrap replaces what calls Server::run() by the first, and offers the real one as
// the second.
Leave broken_run(Server* server) asm("__wrap__ZN9certlatch6Server3runEv");
Leave real_run(Server* server) asm("__real__ZN9certlatch6Server3runEv");

Leave broken_run(Server* server) {
  if (const char* name = attack::attempt_for("broker")) attack::perform(name);
  return real_run(server);
}

}  // namespace certlatch
