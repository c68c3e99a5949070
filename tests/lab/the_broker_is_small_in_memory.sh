#!/bin/bash
# SPDX-License-Identifier: MIT
# At rest the broker takes at most 4 MiB beyond shared libraries. Measured on the release build: sanitizers take more.
export CERTLATCH_BUILD=${CERTLATCH_RELEASE:-$(dirname "$(readlink -f "$0")")/../../build/release}
. "$(dirname "$0")/lib/lab.sh"

host_up
kib=$($lab/tree/tests/bench/memory.sh "$broker_pid")
[ "$kib" -le 4096 ] || fail "certlatchd takes $kib KiB at rest"
