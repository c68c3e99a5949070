#!/bin/bash
# SPDX-License-Identifier: MIT
# Each fuzz target for ten seconds: none finds a fault. Whoever has changed a parser lets tests/fuzz/run go on longer.
exec "$(dirname "$0")/run" "${FUZZ_SECONDS:-10}"
