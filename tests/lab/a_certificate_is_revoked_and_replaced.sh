#!/bin/bash
# SPDX-License-Identifier: MIT
# A revoked certificate is one to the CA as well, and the next run replaces it, with another key.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
run certlatch renew
expect_status 0
serial=$(openssl x509 -in $pairs/example.test/live/cert.pem -noout -serial)
first=$(served_certificate)
run certlatch revoke example.test --reason nonsense
expect_status 2
run certlatch revoke example.test --reason keyCompromise
expect_status 0
expect_says 'example.test: revoked'
outside curl --noproxy '*' -sS --fail --cacert $ca_roots --resolve ca.test:15000:$ca4 \
  "https://ca.test:15000/cert-status-by-serial/$(tr 'A-F' 'a-f' <<< "${serial#serial=}")" > $lab/log/said
grep -q '"Status": *"Revoked"' $lab/log/said || fail "the CA says: $(cat $lab/log/said)"
run certlatch revoke example.test
expect_status 1
expect_says 'there is no certificate to be revoked'
run certlatch renew
expect_status 0
expect_issued example.test
expect_different 'the certificate before and after' "$first" "$(served_certificate)"
