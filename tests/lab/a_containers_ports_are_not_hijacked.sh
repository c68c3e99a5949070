#!/bin/bash
# SPDX-License-Identifier: MIT
# A host with containers, as Docker sets its firewall up: during a lease, what is forwarded to a container's port 80 and
# to its published port still gets there, and so does what the container asks of port 80 elsewhere. With port 80 itself
# published, the lease takes new connections from the container and gives them back.
. "$(dirname "$0")/lib/lab.sh"

firewall_iptables
firewall_docker 9090
nginx_start
ip route add default via $ca4
expect_suggests 'interface = eth0 ' 'ip filter INPUT' 'ip6 filter INPUT'
broker_start
expect_opening_works

expect_container() {
  expect_equal 'the container by its address' container "$(fetch http://$container4/)"
  expect_equal 'the container by its address, over IPv6' container "$(fetch "http://[$container6]/")"
  expect_equal 'the published port' container "$(fetch http://$host4:9090/)"
  expect_equal 'port 80 elsewhere, from the container' outside "$(in_container curl -s -m 2 http://$ca4/)"
}
outside_serves_port_80
expect_container
hold_lease
expect_port_80 open
expect_container
end $holder_pid
wait_until 'the lease to end' no_lease_table
expect_container
end $listener_pid
broker_stop

publish 80
expect_equal 'port 80 of the host' container "$(fetch http://$host4/)"
expect_suggests 'share     = yes' 'leads port 80 elsewhere'
broker_start
hold_lease
expect_different 'port 80 in a lease' container "$(fetch http://$host4/)"
expect_container
end $holder_pid
wait_until 'the lease to end' no_lease_table
expect_equal 'port 80 after the lease' container "$(fetch http://$host4/)"
