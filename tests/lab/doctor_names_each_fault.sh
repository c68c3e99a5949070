#!/bin/bash
# SPDX-License-Identifier: MIT
# `certlatch doctor` finds what would make a renewal fail, before it does, and says what to do about it.
. "$(dirname "$0")/lib/lab.sh"

# The host's own resolver, which knows example.test and what else a test adds.
resolver_start() {
  "${outside_command[@]}" pebble-challtestsrv -dns01 $ca4:53 -http01 '' -https01 '' -tlsalpn01 '' -management $ca4:8056 \
    -defaultIPv4 "$host4" -defaultIPv6 "$host6" > $lab/log/resolver 2>&1 < /dev/null &
  wait_until 'the resolver to listen' outside "$door" probe $ca4 8056
  echo "nameserver $ca4" > /etc/resolv.conf
}
resolver() { outside curl --noproxy '*' -sS --fail -d "$2" http://$ca4:8056/"$1"; }
finds() {  # STATUS TEXT...
  COLUMNS=2000 run as_worker env COLUMNS=2000 $bin/certlatch doctor
  expect_status "$1"
  shift
  expect_says "$@"
}
finds_not() {
  local text
  for text in "$@"; do
    if grep -qF "$text" $said_file; then fail "it says: $text"; fi
  done
}

rm -rf /etc/cron.d /etc/systemd/system/timers.target.wants /etc/letsencrypt
mkdir /etc/cron.d
misbehaving_ca
resolver_start

finds 1 'neither cron nor a timer' 'examples/cron'
cp "$lab_tree/examples/cron" /etc/cron.d/certlatch
finds 0 'certlatch is called by /etc/cron.d/certlatch' 'it has every entry that the configuration names' \
  'port 80 was opened to port 8080, and shut again' 'example.test leads to this host' \
  'the first run makes an account'
run certlatch renew
expect_status 0
finds 0 'the account is valid'
expect_shut

# The CA.
faults 'directory clock:0'
finds 0 'is that of [ca lab]'
faults 'directory clock:7200'
finds 1 'is 2 hours behind that of [ca lab]' 'timedatectl'
faults 'account problem:unauthorized'
finds 1 'unauthorized'
faults

# CAA.
resolver add-caa '{"host":"test.","policies":[{"tag":"issue","value":"other.test"}]}'
finds 0 # the CA does not say what it is called
finds_not 'CAA'
faults 'directory set:meta={"caaIdentities":["ca.test"]}'
finds 1 'example.test: the CAA records of test let other.test issue, and not ca.test' 'add: test CAA 0 issue "ca.test"'
resolver add-caa '{"host":"example.test.","policies":[{"tag":"issue","value":"ca.test; validationmethods=http-01"}]}'
finds 0 'example.test: the CAA records of example.test let [ca lab] issue'
sed -i 's/^names .*/names = example.test no.such.example/' $config
finds 1 'policy.conf: [install example.test] does not have the name no.such.example'
sed -i 's/^names .*/names = example.test/' $config

# Where the names lead.
resolver add-a '{"host":"example.test.","addresses":["192.0.2.1"]}'
finds 0 'example.test leads also to 192.0.2.1, which is no address of this host'
resolver clear-a '{"host":"example.test."}'

# Our own files.
touch $worker_state/certificates/example.test/stray
chown root $worker_state/certificates/example.test/stray
finds 1 'stray belongs to uid 0' 'chown -R --reference'
rm $worker_state/certificates/example.test/stray
chmod 0755 $worker_state
run certlatch doctor --json
expect_status 1
echo "$said" | python3 -c 'import json, sys; one, = json.load(sys.stdin); assert one["verdict"] == "bad" and one["about"] == "state", one'
chmod 0700 $worker_state

# certbot.
mkdir -p /etc/letsencrypt/renewal
: > /etc/letsencrypt/renewal/example.test.conf
echo '0 */12 * * * root certbot -q renew' > /etc/cron.d/certbot
finds 0 'certbot, called by /etc/cron.d/certbot, renews example.test as well' 'certbot delete --cert-name example.test'
rm -r /etc/cron.d/certbot /etc/letsencrypt

# The policy and the broker.
sed -i 's/^opening .*/opening = other/' $config
finds 1 'the policy has no [open other]' 'certlatch new --print example.test'
sed -i 's/^opening .*/opening = http/' $config
python3 -c 'import socket,time; s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("0.0.0.0", 8080)); s.listen(); time.sleep(100)' &
taken=$!
wait_until 'port 8080 to be taken' "$door" probe 127.0.0.1 8080
finds 1 'opening http' "sudo ss -ltnp 'sport = :8080'"
end $taken
broker_stop
finds 1 'broker' 'certlatchd(8)'
ca_stop
end $proxy_pid
run certlatch doctor --json --no-opening
expect_status 1
echo "$said" | python3 -c '
import json, sys
findings = json.load(sys.stdin)
assert all(set(one) == {"verdict", "about", "finding", "remedy"} for one in findings), findings
assert any(one["about"] == "ca lab" and one["verdict"] == "bad" and one["remedy"] for one in findings), findings'
