#!/bin/bash
# SPDX-License-Identifier: MIT
# Ports 80 and 443 open at once, held by one connection or by two: each leads to its own high port, ends by itself, and
# leaves the other alone; the connections of the one that stays are not cut.
. "$(dirname "$0")/lib/lab.sh"

{
  policy_head
  policy_open
  printf '%s\n' '' '[open tls]' 'port = 443' 'to = :8443' 'interface = eth0' 'gate = inet filter input' 'at most = 1m'
} > $policy
broker_start
before=$(ruleset)
drip 8080 8443
doors() { echo "$(port 80 4 150) $(port 443 4 150) $(port 80 6 150) $(port 443 6 150)"; }
# The lab's firewall lets 443 through; nothing listens there.
expect_equal 'no lease' 'dropped refused dropped refused' "$(doors)"

say open:http:30 hold
http_pid=$say_pid
wait_until 'the lease of http' grep -q '^open: lease' $lab/log/say
expect_equal 'http alone' 'open refused open refused' "$(doors)"
say open:tls:30 $later close hold
wait_until 'the lease of tls' grep -q '^open: lease' $lab/log/say
for port in 80 443; do
  outside "$door" take $host4 $port > $lab/log/take.$port 2>&1 < /dev/null &
done
expect_equal 'both' 'open open open open' "$(doors)"
expect_equal 'the high ports' 'dropped dropped' "$(port 8080 4 150) $(port 8443 6 150)"
go_on
wait_until 'tls to be closed' grep -q '^close: done' $lab/log/say
expect_equal 'http alone again' 'open refused open refused' "$(doors)"
lines=$(wc -l < $lab/log/take.443)
http_lines=$(wc -l < $lab/log/take.80)
sleep 0.3
expect_equal 'what the client of tls hears' "$lines" "$(wc -l < $lab/log/take.443)"
[ "$(wc -l < $lab/log/take.80)" -gt $((http_lines + 10)) ] || fail 'the client of http was cut with the other lease'
end $say_pid $http_pid
wait_until 'the ruleset from before' ruleset_is "$before"
expect_equal 'no lease' 'dropped refused dropped refused' "$(doors)"

# Both of one connection, which ends.
say open:http:30 open:tls:30 $later
wait_until 'the lease of tls' grep -q '^open: lease 4' $lab/log/say
expect_equal 'both' 'open open open open' "$(doors)"
go_on
wait_until 'the ruleset from before' ruleset_is "$before"
expect_equal 'no lease' 'dropped refused dropped refused' "$(doors)"
