#!/bin/bash
# SPDX-License-Identifier: MIT
# A certificate is revoked by its own key, wherever that is by now, and though the account's key is lost; no other key
# will do, and none is made on the way.
. "$(dirname "$0")/lib/lab.sh"

live=$pairs/example.test/live
revoke_with_installed_key() { certlatch revoke example.test --reason keyCompromise --key - < $live/privkey.pem; }
expect_revoked() {  # CERTIFICATE
  local serial
  serial=$(openssl x509 -in "$1" -noout -serial | tr 'A-F' 'a-f')
  outside curl --noproxy '*' -sS --fail --cacert $ca_roots --resolve ca.test:15000:$ca4 \
    "https://ca.test:15000/cert-status-by-serial/${serial#serial=}" > $lab/log/status
  grep -q '"Status": *"Revoked"' $lab/log/status || fail "the CA says: $(cat $lab/log/status)"
}
expect_no_account() {
  if [ -e $worker_state/accounts/lab/key.pem ]; then fail 'a key was made for an account that nobody asked for'; fi
}

ca_start
host_up
run certlatch renew
expect_status 0

# The key is in its place, and with the worker no more.
run certlatch revoke example.test --by-certificate-key
expect_status 1
expect_says "there is no private key $worker_state/certificates/example.test/privkey.pem" 'not kept once it is installed' '--key'

# The account's is lost: what needs it says so, and makes none.
rm -r $worker_state/accounts/lab
for command in 'revoke example.test' 'account show' 'account update' 'account rollover' 'account deactivate'; do
  run certlatch $command
  expect_status 1
  expect_says "there is no account key $worker_state/accounts/lab/key.pem"
  expect_no_account
done
run certlatch revoke example.test
expect_says '--key'

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $lab/other.pem 2> /dev/null
chmod 0644 $lab/other.pem
run certlatch revoke example.test --key $lab/other.pem
expect_status 1
expect_says 'is not that of the certificate'
echo nonsense > $lab/nonsense.pem
run certlatch revoke example.test --key $lab/nonsense.pem
expect_status 1
expect_says 'not an unencrypted private key in PEM'
run certlatch revoke example.test --key $lab/nowhere
expect_status 1
expect_says "$lab/nowhere"

cp $live/cert.pem $lab/first.pem
run revoke_with_installed_key
expect_status 0
expect_says 'example.test: revoked; the next run asks for another certificate'
expect_revoked $lab/first.pem
expect_no_account
run certlatch renew
expect_status 0
expect_issued example.test
expect_different 'the key before and after' "$(openssl x509 -in $lab/first.pem -noout -pubkey)" \
  "$(openssl x509 -in $live/cert.pem -noout -pubkey)"

# By a file that has it, with the account there.
cp $live/cert.pem $lab/second.pem
install -m 0400 -o certlatch $live/privkey.pem $lab/key.pem
run certlatch revoke example.test --key $lab/key.pem
expect_status 0
expect_revoked $lab/second.pem

# One that nothing installs is kept with its key.
{ config_ca; config_certificate example.test | sed '/^install/d'; } > $config
run certlatch renew
expect_status 0
cp $worker_state/certificates/example.test/chain.pem $lab/third.pem
rm -r $worker_state/accounts/lab
run certlatch revoke example.test --by-certificate-key
expect_status 0
expect_revoked $lab/third.pem
expect_no_account
