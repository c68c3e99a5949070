#!/bin/bash
# SPDX-License-Identifier: MIT
# tls-alpn-01 through an opening of port 443, which nginx serves before and after.
. "$(dirname "$0")/lib/lab.sh"

ca_start
{
  policy_head
  printf '%s\n' '[open https]' 'port = 443' 'to = :8443' 'interface = eth0' 'gate = inet filter input' 'at most = 1m' 'share = yes'
  policy_install example.test
  policy_nginx
} > $policy
{ config_ca; config_certificate example.test 'example.test www.example.test' |
  sed 's/^challenge .*/challenge = tls-alpn-01/; s/^opening .*/opening = https/'; } > $config
nginx_start
broker_start
run certlatch renew
expect_status 0
expect_issued example.test
expect_equal 'openings' 1 "$(audited 'open https' done)"
for _ in 1 2 3; do
  first=$(served_certificate)
  run certlatch renew --force
  expect_status 0
  expect_issued example.test
  expect_different 'the certificate before and after' "$first" "$(served_certificate)"
done
expect_issued example.test

# Over IPv6 alone, and over IPv4 alone.
for addresses in "|$host6" "$host4|"; do
  ca_resolves "${addresses%|*}" "${addresses#*|}"
  run_challenged certlatch renew --force
  expect_status 0
  expect_issued example.test
done
ca_resolves $host4 $host6

# A certificate for addresses: the CA asks for the reverse name (RFC 8738).
sed -i "s/^names .*/names = $host4 $host6/" $policy
by_address() {
  config_ca
  config_certificate example.test "$1" | sed 's/^challenge .*/challenge = tls-alpn-01/; s/^opening .*/opening = https/'
}
broker_stop
broker_start
for address in $host4 $host6; do
  by_address $address > $config
  run certlatch renew
  expect_status 0
  openssl x509 -in $pairs/example.test/live/cert.pem -noout -checkip $address | grep -q 'does match' ||
    fail "it is not for $address"
done
