#!/bin/bash
# SPDX-License-Identifier: MIT
# Before anything of ours runs: port 80 is dropped and 443 serves the old pair, an opened port is seen to open and
# to shut, the CA answers, the worker's user can do nothing of it, and nothing of it is the machine's own.
. "$(dirname "$0")/lib/lab.sh"

ca_start
nginx_start
expect_shut
expect_equal 'an open port' open "$(port 443)"
expect_equal 'an open port over IPv6' open "$(port 443 6)"
expect_equal 'the issuer of the old certificate' 'issuer=CN=lab' "$(served_certificate | certificate_issuer)"

for family in 4 6; do
  watch_door $family
  nft insert rule inet filter input tcp dport 80 accept
  expect_equal 'a port that nobody listens on' refused "$(port 80 $family)"
  perl -MSocket -e 'socket(my $s, AF_INET6, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($s, pack_sockaddr_in6(80, Socket::inet_pton(AF_INET6, "::"))) or die $!; listen($s, 50);
    while (accept(my $c, $s)) { close($c) }' &
  listener=$!
  wait_until 'the watch to see it' grep -q open $lab/log/watch
  nft delete rule inet filter input handle "$(nft -a list chain inet filter input | awk '/dport 80 /{ print $NF }')"
  watch_end
  end $listener
  expect_equal 'the changes seen' 'shut open shut' "$(watched_changes)"
done

run as_worker curl --noproxy '*' -sS --fail --cacert $ca_roots $ca_url
expect_status 0
expect_says newOrder
for command in 'nft list ruleset' "touch $pairs/example.test/x" "cat $pairs/example.test/live/privkey.pem" \
  'setpriv --reuid root true' 'ip link set eth0 down'; do
  # shellcheck disable=SC2086
  run as_worker $command
  expect_different "exit status of $command" "$status" 0
done

expect_equal 'the number of network interfaces' 2 "$(ip -o link | wc -l)"
