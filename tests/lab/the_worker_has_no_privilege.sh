#!/bin/bash
# SPDX-License-Identifier: MIT
# The worker's user can read the ruleset as little as it can change it; it can neither write where certificates are
# installed nor read an installed key; and no role of a running worker has a capability.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
run certlatch renew
expect_status 0

refused() {
  run as_worker "$@"
  expect_different "exit status of $*" "$status" 0
}
refused nft list ruleset
refused nft add table inet mine
refused cp /etc/passwd $pairs/example.test/live/fullchain.pem
refused touch $pairs/example.test/new
refused ln -sfn 0 $pairs/example.test/live
refused cat $pairs/example.test/live/privkey.pem
refused cat $broker_state/services
refused sh -c "echo >> $audit"
refused sh -c "echo >> $policy"
refused sh -c 'echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet'

# A run that waits for the CA stays as it is long enough to be looked at.
renew_and_hang $lab/log/run
for process in $(processes_of certlatch); do
  for field in Uid:871 Gid:871 CapEff:0000000000000000 CapPrm:0000000000000000 CapBnd:0000000000000000 NoNewPrivs:1; do
    expect_equal "${field%%:*} of process $process" "${field#*:}" "$(process_field "$process" "${field%%:*}")"
  done
done
