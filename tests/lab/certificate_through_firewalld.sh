#!/bin/bash
# SPDX-License-Identifier: MIT
# firewalld itself needs no gate: it accepts what was led to a port of the host. Its reload in the middle of a lease
# changes nothing.
. "$(dirname "$0")/lib/lab.sh"

firewall_firewalld
expect_suggests 'gate      = none'
ca_start
nginx_start
write_config
broker_start
expect_opening_works
expect_renewals

hold_lease
expect_port_80 open
firewall-cmd -q --reload
expect_port_80 open
end $holder_pid
wait_until 'the lease to end' no_lease_table
expect_shut
