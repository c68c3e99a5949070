// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "protocol/secret.h"

int main(int argc, char** argv) {
  if (!certlatch::init_secrets()) return 1;
  return doctest::Context(argc, argv).run();
}
