# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The wire between host and CA, as long as one likes.

wire_pid=

# wire_delayed MILLISECONDS: from now on a round trip takes so much longer, half of it each way.
wire_delayed() {
  wire_restored
  ip link delete eth0
  : > /run/netns/between
  unshare --net=/run/netns/between sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6'
  ip link add eth0 type veth peer name near netns /run/netns/between
  ip -netns outside link add wire type veth peer name far netns /run/netns/between
  ip -netns between link set near up
  ip -netns between link set far up
  wire_addresses
  nsenter --net=/run/netns/between -- $bin/delayed-wire near far $(($1 * 500)) > $lab/log/wire 2>&1 < /dev/null &
  wire_pid=$!
  wait_until 'the wire to carry' grep -q ready $lab/log/wire
}

# wire_restored: as the lab has made it.
wire_restored() {
  [ -n "$wire_pid" ] || return 0
  end $wire_pid
  wire_pid=
  ip link delete eth0
  ip -netns outside link delete wire
  umount /run/netns/between
  ip link add eth0 type veth peer name wire netns /run/netns/outside
  wire_addresses
}

wire_addresses() {
  ip address add $host4/24 dev eth0
  ip address add $host6/64 dev eth0 nodad
  ip link set eth0 up
  outside ip address add $ca4/24 dev wire
  outside ip address add $ca6/64 dev wire nodad
  outside ip link set wire up
}

# round_trip: what a round trip to the CA takes, in milliseconds: the median of seven connections.
round_trip() {
  /usr/bin/python3 - $ca4 14000 <<'PYTHON'
import socket, statistics, sys, time
times = []
for _ in range(7):
    began = time.monotonic()
    socket.create_connection((sys.argv[1], int(sys.argv[2]))).close()
    times.append((time.monotonic() - began) * 1000)
print(f'{statistics.median(times):.0f}')
PYTHON
}
