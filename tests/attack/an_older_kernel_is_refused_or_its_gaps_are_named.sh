#!/bin/bash
# SPDX-License-Identifier: MIT
# Without Landlock the broker does not start, and says why and what to do; `confinement = best effort` lets it, and it
# names what is not in force. With any Landlock there has been it starts, installs, and a broken broker gets no further.
# Release binaries only.
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
sed -i '/^confinement/d' $policy

# Each that there has been. What it does not restrict, the filter does.
broken_begin
places=0
for abi in 1 2 3 4 5 6; do
  broker_command=($bin/lab-older-kernel $abi "${real_command[@]}")
  broker_start
  forge 1 "$(hello)"
  expect_says "landlock $abi" seccomp
  pair_installs
  broker_stop
  for name in 'truncate' 'empty the audit log' 'empty a file that is opened to read' 'empty a file of root'\''s' \
    'a TCP socket' 'connect to D-Bus' 'ioctl' 'kill' 'make a file in /tmp' 'move a file out of an install directory'; do
    before=$(broken_host)
    echo "broker $name" > $lab/attempt
    run $bin/lab-older-kernel $abi $bin/certlatchd-broken "${real_command[@]:1}"
    rm $lab/attempt
    outcome=$(outcome_of broker "$name")
    expect_different "with Landlock $abi: $name" done "$outcome"
    expect_host_unchanged "Landlock $abi: $name"
    places=$((places + 1))
  done
done
echo "7 kernels, $places attempts by a broken broker, none of which succeeded"
