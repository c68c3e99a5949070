// SPDX-License-Identifier: MIT
// A keeper in this process, with its keys below a directory of the test's own.
#pragma once

#include <doctest/doctest.h>

#include "tests/unit/acme/temp_directory.h"
#include "worker/keeper/keeper.h"
#include "worker/keeper/private_key.h"

inline certlatch::Keeper opened(const TempDirectory& temp, std::vector<certlatch::CaSecrets> secrets = {}) {
  REQUIRE(certlatch::prepare_key_memory());
  auto keeper = certlatch::Keeper::open({temp / "accounts", temp / "certificates", std::move(secrets)});
  REQUIRE(keeper);
  return std::move(*keeper);
}
