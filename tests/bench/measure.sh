#!/bin/bash
# SPDX-License-Identifier: MIT
# The figures: what there is to read; what each process of the broker links, may ask of the kernel, and takes at rest; how
# long a door takes to open, how long an issuance takes. Nothing here passes or fails; the bounds are tests of their own.
#
#   sudo ninja -C build/release measure
export CERTLATCH_LAB_SECONDS=${CERTLATCH_LAB_SECONDS:-900}
export CERTLATCH_BUILD=${CERTLATCH_BUILD:-$(dirname "$(readlink -f "$0")")/../../build/release}
. "$(dirname "$(readlink -f "$0")")/../lab/lib/lab.sh"

bench=$lab/tree/tests/bench
echo '== code'
"$bench/size.sh"

ca_start
host_up
echo '== processes'
field() { awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"; }
capabilities() {
  local set
  set=$(field "$1" CapEff)
  case $set in
    0000000000000000) echo none ;;
    "$(field self CapBnd)") echo "all of root's" ;;
    *) /usr/bin/python3 - "$set" <<'PYTHON' ;;
import ctypes, sys
named = ctypes.CDLL('libcap-ng.so.0').capng_capability_to_name
named.restype = ctypes.c_char_p
print(*('cap_' + named(bit).decode() for bit in range(64) if int(sys.argv[1], 16) >> bit & 1))
PYTHON
  esac
}
describe() {  # PROGRAM
  local process calls
  process=$(processes_of "$1")
  echo "$1"
  printf '  user          %s\n' "$(stat -c %U "/proc/$process")"
  printf '  capabilities  %s\n' "$(capabilities "$process")"
  if [ "$(field "$process" Seccomp)" = 2 ]; then
    mapfile -t calls < <("$lab/tree/tests/lab/probe/system_calls.py" "$process")
    printf '  system calls  %d, and %d more by their arguments (%s; %s)\n' \
      "$(wc -w <<< "${calls[0]}")" "$(wc -w <<< "${calls[1]}")" "${calls[@]}"
  else
    echo '  system calls  all'
  fi
  printf '  libraries     %s\n' "$(ldd "$bin/$1" | awk '{ print $1 }' | sed 's|.*/||; s/\.so.*//' | sort -u | paste -sd ' ')"
  printf '  memory        %d KiB resident, %d beyond shared libraries\n' \
    "$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$process/status")" "$("$bench/memory.sh" "$process")"
}
for program in certlatchd certlatch-inspector certlatch-runner; do describe $program; done
printf 'certlatch-policy explain: %s\n' "$($bin/certlatch-policy --policy $policy explain --json | /usr/bin/python3 -c '
import json, sys
held = json.load(sys.stdin)["held_by_kernel"]
print(len(held["system_calls"]), "system calls, and", len(held["checked_calls"]), "sentences on others;", *held["capabilities"])')"

echo '== time'
milliseconds() {  # LABEL COMMAND...
  local label=$1 began=$EPOCHREALTIME
  shift
  run "$@"
  expect_status 0
  awk -v label="$label" -v from="$began" -v to="$EPOCHREALTIME" \
    'BEGIN { printf "%-42s %6.0f ms\n", label, (to - from) * 1000 }'
}
milliseconds 'first certificate, with a new account' certlatch renew
for _ in 1 2 3; do milliseconds 'issue, install and reload' certlatch renew --force; done
for _ in 1 2 3; do milliseconds 'a run with nothing to do' certlatch renew; done
for program in certlatchd certlatch-inspector certlatch-runner; do
  printf '%s after that: %d KiB beyond shared libraries\n' $program "$("$bench/memory.sh" "$(processes_of $program)")"
done

# Last, since it leaves a large ruleset behind.
broker_stop
echo '== a door: medians of 200; of nft on a large ruleset, of 20'
"$bin/lease-latency" 200
