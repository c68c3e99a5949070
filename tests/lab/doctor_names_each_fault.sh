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
root_finds() {  # STATUS TEXT...
  run env -i PATH=/usr/bin:/bin COLUMNS=2000 $bin/certlatch doctor
  expect_status "$1"
  shift
  expect_says "$@"
}
# restart_broker TO GATE
restart_broker() {
  broker_stop
  write_policy "$@"
  broker_start
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

finds 0 'neither cron nor a timer' 'examples/cron'
cp "$lab_tree/examples/cron" /etc/cron.d/certlatch
finds 0 'certlatch is called by /etc/cron.d/certlatch' 'it has every entry that the configuration names' \
  'port 80 was opened to port 8080, and shut again' 'example.test leads to this host' \
  'the first run makes an account'
run certlatch renew
expect_status 0
finds 0 'the account is valid'
expect_shut

# The firewall: what the worker's user cannot see, root is told, and gives its privilege up at once.
finds 0 "whether it lets the openings' connections through, only root can see" 'sudo certlatch doctor'
root_finds 0 'the ruleset in force lets its connections through' 'port 80 was opened to port 8080, and shut again' \
  'it has every entry that the configuration names'
expect_equal 'files that are not the worker'"'"'s' '' "$(find $worker_state ! -user certlatch)"
nft -f - <<'RULES'
table inet late {
  chain second { type filter hook input priority 10; policy accept; meta l4proto tcp ct state new drop; }
}
RULES
finds 0 'port 80 was opened'
root_finds 1 'inet late second drops what is led to port 8080 (its rule 1' 'write `gate = inet late second` in [open http], besides'
nft delete table inet late
restart_broker :8080 none
finds 0 'port 80 was opened'
root_finds 1 'inet filter input drops what is led to port 8080 (its policy is drop), and the policy says `gate = none`' \
  'write `gate = inet filter input` in [open http]'
restart_broker :8080 static
root_finds 1 'and no gate stands before that' 'tcp dport 8080 meta mark 0xac3e0050 accept comment "certlatch"'
nft insert rule inet filter input tcp dport 8080 meta mark 0xac3e0050 accept comment '"certlatch"'
root_finds 0 'the ruleset in force lets its connections through'
nft delete rule inet filter input handle "$(nft -a list chain inet filter input | sed -n 's/.*0xac3e0050.* # handle //p')"
restart_broker :8080 'inet filter nosuch'
root_finds 1 'there can be no gate in inet filter nosuch: the ruleset in force has no such chain'
run certlatch doctor --quiet --json
expect_status 1
echo "$said" | python3 -c 'import json, sys; one, = json.load(sys.stdin); assert one["verdict"] == "bad", one'

# Of a loopback opening only IPv4 is answered.
restart_broker 127.0.0.1:8080 'inet filter input'
finds 0 "example.test leads to $host6, and challenges are not answered over IPv6 here" 'remove the AAAA record'
resolver set-default-ipv4 '{"ip":""}'
finds 1 "example.test leads to $host6, and challenges are not answered over IPv6 here"
resolver set-default-ipv4 "{\"ip\":\"$host4\"}"
restart_broker
run certlatch doctor --quiet
expect_status 0
expect_silent

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
chmod 0600 $policy
finds 0 "whether its installs have the certificates' names cannot be seen"
finds_not 'it has every entry'
root_finds 0 'it has every entry that the configuration names'
chmod 0644 $policy
run as_worker env COLUMNS=2000 $bin/certlatch doctor --policy /etc/certlatch/nowhere
expect_status 0
expect_says "cannot be seen: /etc/certlatch/nowhere: No such file or directory"
resolver clear-caa '{"host":"example.test."}'
resolver set-servfail '{"host":"test."}'
finds 0 'example.test: its CAA records: ' 'a CA that finds the same refuses'
resolver clear-servfail '{"host":"test."}'
resolver clear-caa '{"host":"test."}'

# All names of a certificate are looked at, however many they are.
cp $config $config.before
sed -i "s/^names .*/$(printf 'names = n%d.test\\n' $(seq 30))/" $config
resolver add-a '{"host":"n30.test.","addresses":["192.0.2.1"]}'
resolver add-caa '{"host":"n30.test.","policies":[{"tag":"issue","value":"third.test"}]}'
finds 1 'n30.test leads also to 192.0.2.1' 'n30.test: the CAA records of n30.test let third.test issue'
mv $config.before $config

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

# A full disk, and what the configuration names on this host.
mount -t tmpfs -o size=2m,mode=700,uid=871,gid=871 full $worker_state
finds 1 'room for' 'make room'
umount $worker_state
mkdir /var/lib/www
cp $config $config.before
sed -i 's|^opening .*|webroot = /var/lib/www\nbefore = /usr/local/bin/nosuch\ndeployed = /etc/passwd|' $config
finds 1 '/var/lib/www cannot be written to' 'sudo install -d -o certlatch /var/lib/www/.well-known/acme-challenge' \
  '`before`: /usr/local/bin/nosuch: No such file' '`deployed`: /etc/passwd cannot be executed'
finds_not 'only root can see'
install -d /var/lib/www/.well-known
install -d -o certlatch /var/lib/www/.well-known/acme-challenge
sed -i '/^before/d; /^deployed/d' $config
finds 0 'the files and programs that it names can be used'
cp $config.before $config
sed -i 's|^challenge .*|challenge = dns-01\ndns = flare|; /^opening/d' $config
printf '%s\n' '' '[dns flare]' 'provider = cloudflare' 'token file = /etc/certlatch/token' >> $config
finds 1 'dns flare' '`token file`: /etc/certlatch/token: No such file'
install -m 0600 /dev/null /etc/certlatch/token
finds 1 '/etc/certlatch/token cannot be read'
chmod 0644 /etc/certlatch/token
finds 1 'is open to everyone'
chmod 0640 /etc/certlatch/token
chgrp certlatch /etc/certlatch/token
finds 0 'dns flare'
mv $config.before $config

# certbot.
mkdir -p /etc/letsencrypt/renewal
: > /etc/letsencrypt/renewal/example.test.conf
echo '0 */12 * * * root certbot -q renew' > /etc/cron.d/certbot
finds 0 'certbot, called by /etc/cron.d/certbot, renews example.test as well' 'certbot delete --cert-name example.test'
mv /etc/letsencrypt/renewal/example.test.conf /etc/letsencrypt/renewal/example.test-0001.conf
finds 0 'renews example.test as well, as example.test-0001' 'certbot delete --cert-name example.test-0001'
mv /etc/letsencrypt/renewal/example.test-0001.conf /etc/letsencrypt/renewal/mysite.conf
finds 0 'it renews mysite, and for which names cannot be seen here'
printf '%s\n' '[renewalparams]' 'server = https://ca.test/dir' '[[webroot_map]]' 'example.test = /var/www' > /etc/letsencrypt/renewal/mysite.conf
finds 0 'renews example.test as well, as mysite'
sed -i 's/^example.test/other-host.test/' /etc/letsencrypt/renewal/mysite.conf
finds 0 'nothing of this configuration'
# Without such a map the names are in the certificate, where root alone may look.
echo '[renewalparams]' > /etc/letsencrypt/renewal/mysite.conf
install -d -m 0700 /etc/letsencrypt/live
mkdir /etc/letsencrypt/live/mysite
self_signed /etc/letsencrypt/live/mysite/privkey.pem /etc/letsencrypt/live/mysite/fullchain.pem DNS:other.test DNS:example.test
finds 0 'it renews mysite, and for which names cannot be seen here'
root_finds 0 'renews example.test as well, as mysite'
self_signed /etc/letsencrypt/live/mysite/privkey.pem /etc/letsencrypt/live/mysite/fullchain.pem DNS:other.test
root_finds 0 'nothing of this configuration'
rm -r /etc/cron.d/certbot /etc/letsencrypt

# The policy and the broker.
sed -i 's/^opening .*/opening = other/' $config
finds 1 'the policy has no [open other]' 'certlatch new --print example.test'
sed -i 's/^opening .*/opening = http/' $config
broker_stop
sed -i 's/^at most .*/&\nper day = 1/' $policy
broker_start
finds 0 'port 80 was opened to port 8080, and shut again'
finds 1 'open http' 'its `per day` is used up' 'raise it in the policy'
broker_stop
sed -i '/^per day/d' $policy
broker_start
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
