#!/bin/bash
# SPDX-License-Identifier: MIT
# A CA that sends a certificate for other names or another key, a chain that does not link, or none at all: it is not
# installed, and the one that is served stays.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
self_signed $lab/other.key $lab/other.pem DNS:other.test
self_signed $lab/same.key $lab/same.pem DNS:example.test
old=$(served_certificate)
faults "certificate file:$lab/same.pem"
run certlatch renew
expect_status 1
expect_equal 'the certificate served' "$old" "$(served_certificate)"
fails 'another key than was asked for' "certificate file:$lab/same.pem"
fails 'another key than was asked for' "certificate file:$lab/other.pem"
fails 'does not link' "certificate append:$lab/other.pem"
fails 'something else between its certificates' 'certificate html'
fails 'holds no certificate' 'certificate empty'
expect_tried 5
expect_issued example.test
