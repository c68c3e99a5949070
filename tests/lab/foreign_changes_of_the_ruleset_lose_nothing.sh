#!/bin/bash
# SPDX-License-Identifier: MIT
# While two others keep changing the ruleset, one of them the very chain of the gate, leases are opened and closed: none
# fails, no rule of theirs is lost, none of ours stays.
. "$(dirname "$0")/lib/lab.sh"

host_up
drip 8080
nft add table inet other
nft add chain inet other rules
before=$(ruleset)
wait_for_it() { while [ ! -e $lab/begin ]; do sleep 0.01; done; }
# Adds a rule for each port, and takes every other one away again.
writer() {  # CHAIN FIRST-PORT FILE
  local n handle
  wait_for_it
  for ((n = 0; n < 100000; ++n)); do
    if [ -e $lab/enough ]; then break; fi
    handle=$(nft -ae add rule "$1" tcp dport $(($2 + n)) accept | sed -n 's/.* # handle //p')
    if [ $((n % 2)) = 1 ]; then nft delete rule "$1" handle "$handle"; fi
  done
  echo $n > "$3"
}
writer 'inet filter input' 10000 $lab/n.1 &
writers=($!)
writer 'inet other rules' 20000 $lab/n.2 &
writers+=($!)
touch $lab/begin
leases=0
until=$((SECONDS + 6))
while [ $SECONDS -lt $until ]; do
  run as_worker $bin/lab-say $socket open:http:30 close open:http:30 close open:http:30
  expect_status 0
  leases=$((leases + 3))
done
touch $lab/enough
wait "${writers[@]}"
wait_until 'the last lease to end' sh -c '! nft list ruleset | grep -q certlatch'
for place in '1 10000 input' '2 20000 rules'; do
  read -r file first chain <<< "$place"
  n=$(cat $lab/n.$file)
  [ "$n" -gt 20 ] || fail "only $n foreign changes: this proves nothing"
  wanted=$(for ((i = 0; i < n; i += 2)); do echo "tcp dport $((first + i)) accept"; done | sort)
  found=$(nft list ruleset | sed -n "s/^\t\t\(tcp dport ${first:0:1}[0-9]\{4\} accept\)/\1/p" | sort)
  expect_equal "the foreign rules in chain $chain" "$wanted" "$found"
  echo "$leases leases beside $n foreign changes of chain $chain"
done
expect_equal 'everything else' "$before" "$(ruleset | grep -Ev '^\s+tcp dport [12][0-9]{4} accept$')"
