#!/bin/bash
# SPDX-License-Identifier: MIT
# `csr`: a request that does not fit the configuration, or that no CA would take, is refused with what differs, before
# the CA is asked for anything.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
{ config_ca $proxy_url
  config_certificate example.test 'example.test www.example.test' | sed '/^install/d; s|^challenge.*|&\ncsr = /etc/certlatch/request|'
} > $config
request() {  # NAMES [OPENSSL-OPTION...]
  local names=$1
  shift
  openssl req -new -nodes -subj "${subject:-/}" -addext "subjectAltName=$names" -keyout /dev/null "$@" \
    -out /etc/certlatch/request 2> $lab/log/openssl || { cat $lab/log/openssl >&2; return 1; }
  chmod 0644 /etc/certlatch/request
}
p256=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1)
good=DNS:example.test,DNS:www.example.test
refused() {
  faults
  run certlatch renew --force
  expect_status 1
  expect_says "example.test: $1"
  expect_equal 'orders' 0 "$(asked neworder)"
}

request DNS:example.test "${p256[@]}"
refused 'the certificate request does not ask for www.example.test, which `names` has'
request $good,DNS:mail.example.test "${p256[@]}"
refused 'the certificate request asks for mail.example.test, which `names` does not have'
subject=/CN=other.test request $good "${p256[@]}"
refused 'the certificate request asks for other.test, which `names` does not have'
request DNS:www.example.test,IP:192.0.2.1 "${p256[@]}"
refused 'the certificate request does not ask for example.test, which `names` has, and asks for 192.0.2.1, which'
request $good -newkey rsa:1024
refused 'the certificate request has an RSA key of 1024 bits; CAs want 2048 at least'
request $good -newkey rsa:2048 -sha1
refused 'the certificate request is signed with MD5 or SHA-1, which CAs refuse'
request $good "${p256[@]}" -outform DER
printf '\x00\x00' | dd of=/etc/certlatch/request bs=1 seek=$(($(stat -c %s /etc/certlatch/request) - 2)) conv=notrunc status=none
refused 'the certificate request'
echo nonsense > /etc/certlatch/request
refused '/etc/certlatch/request is not a certificate request, in PEM or DER'

for key in 'rsa:2048' 'ec:secp384r1'; do
  case $key in
    rsa:*) options=(-newkey $key) ;;
    *) options=(-newkey ec -pkeyopt ec_paramgen_curve:${key#ec:}) ;;
  esac
  for form in PEM DER; do
    subject=/CN=example.test request $good "${options[@]}" -outform $form
    run certlatch renew --force
    expect_status 0
    expect_equal "the key of the certificate, for a request in $form" \
      "$(openssl req -in /etc/certlatch/request -inform $form -noout -pubkey)" \
      "$(openssl x509 -in $worker_state/certificates/example.test/chain.pem -noout -pubkey)"
  done
done
expect_shut
