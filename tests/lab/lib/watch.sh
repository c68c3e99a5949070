# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Leases held by hand, and how long the outside can use them. All times are milliseconds since the epoch.

milliseconds() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# Something behind the door: whoever connects to the port gets a byte every five milliseconds.
drip() {  # PORT...
  local port
  drip_pids=()
  for port in "$@"; do
    setpriv --reuid certlatch --clear-groups "$door" drip "$port" &
    drip_pids+=($!)
    wait_until 'a listener on the high port' "$door" probe 127.0.0.1 "$port"
  done
}

# say STEP...: a connection of its own, in the background; see lab-say. Its words go to $lab/log/say. The step $later
# waits for go_on.
later=until:$lab/go
say() {
  : > $lab/log/say
  rm -f $lab/go
  "${as_worker_command[@]}" $bin/lab-say $socket "$@" > $lab/log/say 2>&1 < /dev/null &
  say_pid=$!
}
go_on() { touch $lab/go; }
expect_open() {
  wait_until 'the lease' grep -q '^open: lease' $lab/log/say
  wait_until 'the outside to see it' doors_are open
}
# The times that the steps `time` printed.
said_times() { grep -E '^[0-9]+$' $lab/log/say; }

# watch_doors [PORT]: as watch_door, for both families at once.
watch_doors() {
  local family address
  door_pids=()
  for family in 4 6; do
    address=host$family
    : > $lab/log/door.$family
    "${outside_command[@]}" "$door" watch "${!address}" "${1:-80}" > $lab/log/door.$family 2>&1 < /dev/null &
    door_pids+=($!)
    wait_until 'the watch to begin' test -s $lab/log/door.$family
  done
}
doors_are() { tail -qn 1 $lab/log/door.4 $lab/log/door.6 | awk -v state="$1" '$2 != state { exit 1 }'; }
doors_end() {
  end "${door_pids[@]}"
}

# expect_shut_between EARLIEST LATEST: both families saw the port open once, and shut again within these times;
# one that stayed so for a moment more. How many milliseconds after EARLIEST it was is left in `shut_after`.
expect_shut_between() {
  local family times
  wait_until 'the port to shut' doors_are shut
  sleep 0.3
  doors_end
  shut_after=
  for family in 4 6; do
    times=$(awk '{ print $2 }' $lab/log/door.$family | xargs)
    expect_equal "the changes seen over IPv$family" 'shut open shut' "$times"
    times=$(awk 'END { print $1 }' $lab/log/door.$family)
    if [ "$times" -lt "$1" ] || [ "$times" -gt "$2" ]; then
      fail "port 80 was shut over IPv$family $((times - $1)) ms after the earliest time for it, $(($2 - $1)) are allowed"
    fi
    shut_after+="${shut_after:+, }$((times - $1)) ms over IPv$family"
  done
}
# What "at once" is on a machine with other work, as its tests measure it.
at_once=400

# What a neighbour on the link gets from the host's loopback; see probe/neighbour.py. The host trusts it as far as that,
# once trust_neighbour was called: its firewall lets the probe's ports through, and there is no filter of sources.
trust_neighbour() {
  nft add rule inet filter input iifname eth0 tcp dport 6379 accept
  nft add rule inet filter input iifname eth0 udp dport 5353 accept
  echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
  echo 0 > /proc/sys/net/ipv4/conf/eth0/rp_filter
}
neighbour_gets() {
  python3 $lab/tree/tests/lab/probe/neighbour.py /run/netns/outside wire $ca4 10.77.0.2 "$(ip -o link show eth0 | sed "s,.*link/ether \([^ ]*\).*,\1,")"
}
neighbour_gets_nothing='service=silent spoofed=lost'
