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

# The right key, and other names, or too few: for a request made elsewhere, whose key is known here.
request=/etc/certlatch/request
openssl req -new -newkey rsa:2048 -nodes -subj / -addext subjectAltName=DNS:example.test,DNS:www.example.test \
  -keyout $lab/request.key -out $request 2> $lab/log/openssl
chmod 0644 $request
{ config_ca $proxy_url
  config_certificate example.test 'example.test www.example.test' | sed "/^install/d; s|^challenge.*|&\ncsr = $request|"
} > $config
with_right_key() {  # NAMES
  openssl req -x509 -key $lab/request.key -days 30 -subj / -addext "subjectAltName=$1" -out $lab/names.pem 2> $lab/log/openssl
}
run certlatch renew --force
expect_status 0
chain=$worker_state/certificates/example.test/chain.pem
expect_equal 'the key of the certificate' "$(openssl req -in $request -noout -pubkey)" "$(openssl x509 -in $chain -noout -pubkey)"
kept=$(cat $chain)
with_right_key DNS:other.test
faults "certificate file:$lab/names.pem"
run certlatch renew --force
expect_status 1
expect_says "the CA's certificate is not for example.test, which was asked for"
expect_equal 'the chain that is kept' "$kept" "$(cat $chain)"
with_right_key DNS:example.test
fails "the CA's certificate is not for www.example.test, which was asked for" "certificate file:$lab/names.pem"
with_right_key DNS:example.test,DNS:www.example.test.other.test
fails "the CA's certificate is not for www.example.test, which was asked for" "certificate file:$lab/names.pem"
expect_tried 7
