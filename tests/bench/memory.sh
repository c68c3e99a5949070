#!/bin/bash
# SPDX-License-Identifier: MIT
# A process's resident memory beyond shared libraries, in KiB: its private pages (those of a library that nobody else has
# mapped at the time are among them), and all pages of its own program.
#
#   tests/bench/memory.sh PROCESS
set -euo pipefail
program=$(readlink "/proc/$1/exe")
awk -v program="$program" '
  /^[0-9a-f]+-[0-9a-f]+ / { is_own = ($6 == program) }
  /^Private_(Clean|Dirty):/ || (is_own && /^Shared_(Clean|Dirty):/) { kib += $2 }
  END { print kib + 0 }' "/proc/$1/smaps"
