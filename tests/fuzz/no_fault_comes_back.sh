#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever was a fault of a parser once, found by a fuzzer or by a reader, is read again by its fuzz target, with GCC's
# sanitizers: the files of tests/fuzz/regressions/TARGET/, each as it is, cut short, and changed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
said=$(mktemp)
trap 'rm -f "$said"' EXIT
{ [ -e build/debug/build.ninja ] || cmake --preset debug; } > "$said"
ninja -C build/debug -j2 replay > "$said" || { cat "$said"; exit 1; }

status=0 count=0
for kept in tests/fuzz/regressions/*/; do
  target=$(basename "$kept")
  if "build/debug/bin/replay_$target" "$kept"* > "$said" 2>&1; then
    echo "$target: $(tail -n 1 "$said")"
  else
    status=1
    echo "$target: FAULT"
    tail -n 40 "$said"
  fi
  count=$((count + 1))
done
[ $count -gt 0 ] || { echo 'there is nothing to replay'; exit 1; }
exit $status
