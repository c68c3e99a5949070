#!/bin/bash
# SPDX-License-Identifier: MIT
# Names that were added, taken away or put into another order, and a certificate that has left the configuration.
. "$(dirname "$0")/lib/lab.sh"

ca_start
write_policy :8080 'inet filter input' example.test other.test
write_config example.test other.test
nginx_start example.test other.test
broker_start
names_of() { openssl x509 -in "$pairs/$1/live/cert.pem" -noout -ext subjectAltName | tail -n +2 | tr -d ' '; }
version_of() { readlink "$pairs/$1/live"; }
renew_in_silence() {
  run certlatch renew
  expect_status 0
  expect_silent
}
run certlatch renew
expect_status 0
expect_equal 'the names' DNS:example.test "$(names_of example.test)"

# One more: only that certificate is issued again.
sed -i 's/^names     = example.test$/names     = example.test www.example.test/' $config
run certlatch renew
expect_status 0
expect_says 'example.test: certificate issued'
expect_equal 'the names' DNS:example.test,DNS:www.example.test "$(names_of example.test)"
expect_equal 'the version of the other' 1 "$(version_of other.test)"
expect_issued example.test
renew_in_silence

# In another order: the same certificate.
sed -i 's/^names     = example.test www.example.test$/names     = www.example.test example.test/' $config
renew_in_silence
expect_equal 'the version' 2 "$(version_of example.test)"

# One less.
sed -i 's/^names     = www.example.test example.test$/names     = www.example.test/' $config
run certlatch renew
expect_status 0
expect_equal 'the names' DNS:www.example.test "$(names_of example.test)"
renew_in_silence

# A name that the policy does not cover is refused by the broker; the others go on, and what was there stays.
sed -i 's/^names     = www.example.test$/names     = stranger.test/' $config
run certlatch renew
expect_status 4
expect_says 'stranger.test'
expect_equal 'the names' DNS:www.example.test "$(names_of example.test)"
sed -i 's/^names     = stranger.test$/names     = www.example.test/' $config
run certlatch renew
expect_status 0
expect_equal 'the names' DNS:www.example.test "$(names_of example.test)"

# Gone from the configuration: reported, and left alone until it is deleted. What is installed stays where it is.
sed -i '/^\[certificate other.test\]/,/^install/d' $config
run certlatch renew
expect_status 0
expect_says 'other.test: is no longer in the configuration; `certlatch delete other.test`'
renew_in_silence
[ -e $worker_state/certificates/other.test/chain.pem ] || fail 'its state is gone'
run certlatch status
expect_says 'other.test is no longer in the configuration'
run certlatch delete other.test
expect_status 0
[ ! -e $worker_state/certificates/other.test ] || fail 'its state is still there'
[ -e $pairs/other.test/live/privkey.pem ] || fail 'the installed pair is gone'
renew_in_silence
run certlatch delete example.test
expect_status 2
