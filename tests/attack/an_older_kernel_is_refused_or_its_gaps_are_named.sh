#!/bin/bash
# SPDX-License-Identifier: MIT
# Without Landlock the broker does not start, and says why and what to do; `confinement = best effort` lets it, and it
# names what is not in force. Every attempt of a broken broker is made there, too: the table is printed, and is the one in
# docs/threat-model.md. With any Landlock there has been it starts, installs, and a broken broker gets no further.
# Release binaries only.
export CERTLATCH_LAB_SECONDS=${CERTLATCH_LAB_SECONDS:-300}
. "$(dirname "$0")/lib/broken.sh"

attack_begin
broker_stop
pair_installs() {
  attack_pair=$("${python[@]}" - <<PYTHON
import sys
sys.path.insert(0, "$attack_library")
from pairs import Authority, Pair
from wire import hello, install
pair = Pair(Authority.load("$lab/authority.pem"), ["example.test"])
print((hello() + install("example.test", pair.chain, pair.key)).hex())
PYTHON
  )
  run as_worker $bin/lab-frame $socket "$attack_pair" 2
  expect_says '81 ' '84 '
}
real_command=("${broker_command[@]}")
make_attempt() {  # LANDLOCK NAME
  broker_places
  echo "broker $2" > $lab/attempt
  run timeout -s TERM 20 $bin/lab-older-kernel $1 $bin/certlatchd-broken "${real_command[@]:1}"
  rm $lab/attempt
  outcome=$(outcome_of broker "$2")
}

# None at all.
run $bin/lab-older-kernel 0 "${real_command[@]}"
expect_status 1
expect_says 'Landlock' 'confinement = best effort' 'boot one with Landlock'
sed -i 's/^worker = .*/&\nconfinement = best effort/' $policy
broker_command=($bin/lab-older-kernel 0 "${real_command[@]}")
broker_start
grep -q 'outcome=started.*NOT in force' $audit || fail 'the gap is not in the log'
forge 1 "$(hello)"
expect_says 'NOT in force' 'seccomp'
pair_installs
broker_stop

broken_begin
nft add table inet victim
worker_passes_to $socket
mkdir -p $worker_state/accounts
hostname lab
printf '%s\n' list > $lab/attempt
$bin/certlatchd-broken > $lab/attempts
attempts=0 succeeded=0
while IFS=$'\t' read -r group name _; do
  attempts=$((attempts + 1))
  before=$(broken_host)
  make_attempt 0 "$name"
  stopped=$(stopped_by "$outcome" "$name")
  # What Landlock would have refused, the modes of files do: the broker is not root.
  printf '%s\t%s\t%s\n' "$group" "$name" "${stopped/#Landlock/the mode of files}" >> $lab/outcomes
  if [ "$group" = power ]; then continue; fi
  if [ "$outcome" = done ]; then
    succeeded=$((succeeded + 1))
    undo_attempt
  fi
  expect_host_unchanged "$name"
done < $lab/attempts
tabulate < $lab/outcomes > $lab/table
cat $lab/table
expect_documented 'a broken broker without Landlock' $lab/table
sed -i '/^confinement/d' $policy

# Each that there has been. What it does not restrict, the filter does.
for abi in 1 2 3 4 5 6; do
  broker_command=($bin/lab-older-kernel $abi "${real_command[@]}")
  broker_start
  forge 1 "$(hello)"
  expect_says "landlock $abi" seccomp
  pair_installs
  broker_stop
  for name in 'truncate' 'empty the audit log' 'empty a file that is opened to read' 'empty a file of root'\''s' \
    'forward packets: net.ipv4.ip_forward' 'another interface'\''s route_localnet' 'read the policy' 'open a device' \
    'a TCP socket' 'connect to D-Bus' 'take over a file that the worker passed (fchown)' 'ioctl' 'kill' 'make a file in /tmp' 'move a file out of an install directory'; do
    before=$(broken_host)
    attempts=$((attempts + 1))
    make_attempt $abi "$name"
    expect_different "with Landlock $abi: $name" done "$outcome"
    expect_host_unchanged "Landlock $abi: $name"
  done
done
echo "7 kernels, $attempts attempts by a broken broker; without Landlock $succeeded succeeded that it would have refused, with any none"
