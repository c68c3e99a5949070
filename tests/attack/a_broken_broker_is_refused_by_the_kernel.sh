#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever the broker's own code were made to do after it has confined itself, the kernel refuses, and the host stays as
# it is; what the kernel does not refuse is named. The table is printed, and is the one in docs/threat-model.md.
# Release binaries only.
. "$(dirname "$0")/lib/broken.sh"

# The back door is in no program that is installed.
cmake --install "$build" --prefix $lab/installed > $lab/log/install
if grep -rlE 'lab/attempt' $lab/installed || find $lab/installed -name '*broken*' | grep .; then fail 'a back door is installed'; fi
grep -q lab/attempt $bin/certlatchd-broken

broken_begin
attack_policy > $policy
printf '%s\n' list > $lab/attempt
$bin/certlatchd-broken > $lab/attempts
mkdir -p $lab/runs
"${python[@]}" "$attack_library/pairs.py" authority $trust
nft add table inet victim
worker_passes_to $lab/broken.sock

make_attempt() {  # WHERE NAME
  broker_places
  echo "$1 $2" > $lab/attempt
  run timeout -s TERM 20 $bin/certlatchd-broken --policy $policy --socket $lab/broken.sock --state $broker_state \
    --run /run/certlatch --foreground
  rm -f $lab/attempt
  outcome=$(outcome_of "$1" "$2")
}

table=$lab/table attempts=0 refused=0
broker_places
mkdir -p $worker_state/accounts
hostname lab
before=$(broken_host)
while IFS=$'\t' read -r group name works; do
  attempts=$((attempts + 1))
  if [ "$works" = 1 ]; then  # it is a real one: without confinement root can do it
    make_attempt root "$name"
    if [ "$outcome" != done ]; then fail "without confinement, \"$name\" gave $outcome: it shows nothing"; fi
    undo_attempt
    before=$(broken_host)
  fi
  make_attempt broker "$name"
  printf '%s\t%s\t%s\n' "$group" "$name" "$(stopped_by "$outcome" "$name")" >> $lab/outcomes
  if [ "$group" = power ]; then continue; fi
  expect_different "the broker's attempt \"$name\"" done "$outcome"
  expect_host_unchanged "$name"
  refused=$((refused + 1))
done < $lab/attempts
nft list table inet owned > /dev/null || fail 'the table that another process owns is gone'
grep -q 'outcome=started' $audit || fail 'the audit log was emptied'
tabulate < $lab/outcomes > $table
cat $table
expect_documented 'a broken broker' $table
echo "$attempts attempts by a broken broker, $refused refused by the kernel, $((attempts - refused)) that it is there for"
