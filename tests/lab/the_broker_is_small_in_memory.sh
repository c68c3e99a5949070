#!/bin/bash
# SPDX-License-Identifier: MIT
# At rest the broker takes at most 4 MiB beyond shared libraries, before it has done anything and afterwards. Measured on
# the release build: sanitizers take more.
export CERTLATCH_BUILD=${CERTLATCH_RELEASE:-$(dirname "$(readlink -f "$0")")/../../build/release}
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
small() {  # WHEN
  local kib
  kib=$($lab/tree/tests/bench/memory.sh "$broker_pid")
  [ "$kib" -le 4096 ] || fail "certlatchd takes $kib KiB $1"
}
small 'at the start'
for _ in 1 2 3; do
  run certlatch renew --force
  expect_status 0
done
small 'after three certificates'
