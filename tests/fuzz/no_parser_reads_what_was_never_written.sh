#!/bin/bash
# SPDX-License-Identifier: MIT
# valgrind over what parses untrusted bytes, as it is installed (GCC, optimized): each fuzz target with its seeds, cut
# and changed, and certlatch-policy with policies and logs. It sees what the sanitizers do not: memory that is read before
# anything was written there, within OpenSSL and the other libraries as well.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -e build/release/build.ninja ] || cmake --preset release > "$work/build"
ninja -C build/release -j2 replay certlatch-policy > "$work/build" || { cat "$work/build"; exit 1; }

checked=(valgrind --quiet --error-exitcode=99 --exit-on-first-error=yes --leak-check=no)

replay() {  # TARGET
  local began=$SECONDS
  # A pair takes a signature each time: there are many, and a few changes of each.
  if [ "$1" = pair ]; then export REPLAY_PLACES=20; fi
  if "${checked[@]}" "build/release/bin/replay_$1" "$work/$1"/* > "$work/$1.said" 2>&1; then
    echo "$1: $(tail -n 1 "$work/$1.said") in $((SECONDS - began)) s"
  else
    echo "$1: FAULT"
    tail -n 40 "$work/$1.said"
    return 1
  fi
}

policy_tool() {  # STATUS ARGUMENT...
  local wanted=$1 status=0
  shift
  "${checked[@]}" build/release/bin/certlatch-policy "$@" > "$work/said" 2>&1 || status=$?
  [ $status = "$wanted" ] || { echo "certlatch-policy $*: exit status $status"; cat "$work/said"; exit 1; }
}

tests/fuzz/seed "$work"
export -f replay
export work
export checked_by="${checked[*]}"
targets=()
for seeds in "$work"/*/; do targets+=("$(basename "$seeds")"); done
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'checked=($checked_by); replay {}'

printf '[open x]\nport = y\n\377 =\n' > "$work/faulty"
policy_tool 0 check examples/policy.conf
policy_tool 2 check "$work/faulty"
for question in 'explain' 'explain --json' 'ask open http' 'rules' 'gate --json'; do
  # shellcheck disable=SC2086
  policy_tool 0 --policy examples/policy.conf $question
done
policy_tool 0 audit tests/fuzz/seeds/history/two
policy_tool 1 audit --json "$work/faulty"
echo "certlatch-policy: no fault"
