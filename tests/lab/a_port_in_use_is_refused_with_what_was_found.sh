#!/bin/bash
# SPDX-License-Identifier: MIT
# A web server on port 80, or a NAT rule that leads it elsewhere: the worker's run fails with what was found and what to
# do about it, and nothing is changed. `share = yes` is what the sentence says it is.
. "$(dirname "$0")/lib/lab.sh"

remedy='say `share = yes` to take its new connections while the lease lasts'
ca_start
host_up
refused() {  # SENTENCE
  local before
  before=$(ruleset)
  run_challenged certlatch renew --force
  expect_status 3
  expect_says "$1, or $remedy"
  expect_equal 'the ruleset after a refusal' "$before" "$(ruleset)"
  expect_equal 'leases in the log' 0 "$(audited 'open http' done)"
}

for address in 0.0.0.0 ::1 $host6; do
  perl -MIO::Socket::IP -e 'my $l = IO::Socket::IP->new(LocalHost => shift, LocalPort => 80, Listen => 5, ReuseAddr => 1, V6Only => 1) or die $!; sleep 600' $address &
  listener_pid=$!
  wait_until 'a listener on port 80' sh -c 'ss -Hltn "sport = :80" | grep -q LISTEN'
  refused "port 80 is in use, by a program that listens on $address: stop it"
  end $listener_pid
done

nft -f - <<'RULES'
table ip nat {
  chain published { tcp dport { 80, 8443 } dnat to 172.17.0.2:8080; }
  chain prerouting {
    type nat hook prerouting priority dstnat
    fib daddr type local jump published
  }
}
RULES
refused 'a NAT rule in chain ip nat published leads port 80 elsewhere already: remove it'

broker_stop
sed -i 's/^at most .*/&\nshare = yes/' $policy
broker_start
run certlatch renew --force
expect_status 0
expect_issued example.test
