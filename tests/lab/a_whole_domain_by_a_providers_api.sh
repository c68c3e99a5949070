#!/bin/bash
# SPDX-License-Identifier: MIT
# dns-01 by the APIs of Cloudflare and of acme-dns: records are put and taken away, with the credentials of a file, and
# what the API refuses is quoted. No process but dns sees the credentials.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
sed -i 's/^names .*/names = example.test *.example.test any.sub.example.test *.other.test/' $policy
broker_stop
broker_start
api=https://ca.test:14002
log=$lab/log/api
: > $log
: > $lab/api.faults
"${outside_command[@]}" python3 "$lab_tree/tests/lab/probe/dns_api.py" --listen $ca4:14002 --certificate $ca_roots \
  --key $lab/ca.key --names $ca4:8055 --faults $lab/api.faults --log $log > $lab/log/api.err 2>&1 < /dev/null &
wait_until 'the API to listen' outside "$door" probe $ca4 14002

secret() { install -m 0400 -o certlatch <(echo "$2") "/etc/certlatch/$1"; }
secret token good-token
secret accounts '{"username": "user-1", "password": "key-1", "subdomain": "sub-1", "fulldomain": "sub-1.auth.test", "allowfrom": []}'
by_api() {  # NAMES LINE...
  local names=$1
  shift
  { config_ca
    config_certificate example.test "$names" | sed '/^opening/d; s/^challenge .*/challenge = dns-01\ndns = here/'
    printf '%s\n' '[dns here]' "roots = $ca_roots" "$@"; } > $config
}
cloudflare=('provider = cloudflare' "api = $api/client/v4" 'token file = /etc/certlatch/token')
acme_dns=('provider = acme-dns' "api = $api/" 'account file = /etc/certlatch/accounts')
did() { grep -c "^$1\$" $log || true; }

# Cloudflare: a wildcard and its domain under one name, and a name in a zone of its own.
by_api 'example.test *.example.test any.sub.example.test' "${cloudflare[@]}"
run certlatch renew
expect_status 0
expect_issued example.test
openssl x509 -in $pairs/example.test/live/cert.pem -noout -checkhost any.example.test | grep -q 'does match' ||
  fail 'it is not for the whole domain'
expect_equal 'records put' 3 "$(did 'POST /client/v4/zones/[ab]*/dns_records 200')"
expect_equal 'records put into the zone below' 1 "$(did "POST /client/v4/zones/b*/dns_records 200")"
expect_equal 'records taken away' 3 "$(did 'DELETE /client/v4/zones/[ab]*/dns_records/r[0-9]* 200')"
expect_equal 'openings' 0 "$(audited 'open http' done)"

# An API that wants a little patience gets it.
echo 'busy 2' > $lab/api.faults
run_challenged certlatch renew --force
expect_status 0
# One that goes on wanting it, one that talks nonsense, a wrong token, a zone that is not there.
echo 'busy 1000' > $lab/api.faults
run_challenged certlatch renew --force
expect_status 1
expect_says 'example.test: [dns here]: Cloudflare has had too many requests: Please wait' '(971)'
echo html > $lab/api.faults
run_challenged certlatch renew --force
expect_status 1
expect_says '[dns here]: the API'"'"'s answer is no JSON (it begins: <html>'
: > $lab/api.faults
secret token bad-token
run_challenged certlatch renew --force
expect_status 1
expect_says 'Cloudflare does not accept the token: Invalid access token (9109)'
expect_silent_about bad-token
secret token good-token
by_api 'example.test' "${cloudflare[@]}" 'zone = nowhere.test'
run_challenged certlatch renew --force
expect_status 1
expect_says 'Cloudflare has no zone nowhere.test that the token may see'
chmod 0444 /etc/certlatch/token
run_challenged certlatch renew --force
expect_says 'is open to everyone'

# acme-dns.
by_api 'example.test *.example.test' "${acme_dns[@]}"
run_challenged certlatch renew --force
expect_status 0
expect_issued example.test
expect_equal 'updates' 2 "$(did 'POST /update 200')"
secret accounts '{"other.test": {"username": "user-1", "password": "key-1", "subdomain": "sub-1"}}'
run_challenged certlatch renew --force
expect_status 1
expect_says 'the account file has no account for example.test'
secret accounts '{"example.test": {"username": "user-1", "password": "key-2", "subdomain": "sub-1"}}'
run_challenged certlatch renew --force
expect_status 1
expect_says 'the acme-dns server refuses (401): forbidden'
secret accounts '{"example.test": {"username": "user-1"}}'
run_challenged certlatch renew --force
expect_status 1
expect_says '/etc/certlatch/accounts: the account file is not what acme-dns answers'
expect_shut
