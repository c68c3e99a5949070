#!/bin/bash
# SPDX-License-Identifier: MIT
# The policy and the configuration that the README shows, and those in examples/, are accepted by the programs; the
# README's commands for the promises name tests that exist. Hosts that cron calls in the same minute have a jitter in the
# example that they start from.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
bin=build/debug/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The indented block of the README that begins with this line.
block() {
  awk -v first="    $1" '
    $0 == first { inside = 1 }
    inside && /^[^ ]/ { exit }
    inside { sub(/^    /, ""); print }' README.md
}
block '[broker]' > "$work/policy.conf"
block '[ca letsencrypt]' > "$work/certlatch.conf"

for policy in "$work/policy.conf" examples/policy.conf; do
  $bin/certlatch-policy check --policy "$policy" > "$work/said" || { cat "$work/said"; exit 1; }
done
for config in "$work/certlatch.conf" examples/certlatch.conf; do
  # With exit status 1, since there is no certificate yet.
  said=$($bin/certlatch --config "$config" --state "$work/none" status --offline) || [ $? = 1 ]
  case $said in *example.org*) ;; *) echo "$config: $said"; exit 1 ;; esac
done
for promise in 1 2 3 4 5; do
  grep -q "sudo tests/run promise_$promise" README.md
  compgen -G "tests/lab/promise_${promise}_*.sh" > /dev/null
done
grep -q '^jitter ' examples/certlatch.conf
grep -q 'jitter' examples/cron
