#!/bin/bash
# SPDX-License-Identifier: MIT
# The same issuance at a CA that is strict, reuses authorizations always or never, refuses most nonces, offers several
# chains, or longer ones.
. "$(dirname "$0")/lib/lab.sh"

same_issuance() {  # WHAT
  echo "at a CA $1"
  ca_start
  run certlatch renew --force
  expect_status 0
  expect_issued example.test
  run certlatch account show
  expect_status 0
  run certlatch renew --force --changed
  expect_status 10
  run certlatch revoke example.test
  expect_status 0
  expect_shut
  end $ca_pid $(processes_named pebble-challtestsrv)
}
processes_named() { local exe; for exe in /proc/[0-9]*/exe; do
  case $(readlink "$exe") in */"$1") exe=${exe%/exe}; echo "${exe#/proc/}" ;; esac; done; }

host_up
ca_options=(-strict)
same_issuance 'that is strict'
ca_options=()
ca_environment=(PEBBLE_AUTHZREUSE=100)
same_issuance 'that reuses every authorization'
ca_environment=(PEBBLE_AUTHZREUSE=0 PEBBLE_WFE_ORDERS_PER_PAGE=1)
same_issuance 'that reuses none'
ca_environment=(PEBBLE_WFE_NONCEREJECT=50)
same_issuance 'that refuses every second nonce'
ca_environment=(PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=1)
same_issuance 'that takes its time'
ca_environment=(PEBBLE_CHAIN_LENGTH=3)
same_issuance 'with long chains'
expect_equal 'the certificates in the chain' 4 "$(grep -c BEGIN $pairs/example.test/live/fullchain.pem)"

ca_environment=(PEBBLE_ALTERNATE_ROOTS=2)
ca_start
wanted=$(ca_root_certificate 2 | openssl x509 -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p')
default=$(ca_root_certificate 0 | openssl x509 -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p')
expect_different 'two roots' "$wanted" "$default"
issuer() {
  local file=$lab/last.pem
  awk '/BEGIN/ { text = "" } { text = text $0 "\n" } END { printf "%s", text }' $pairs/example.test/live/fullchain.pem > $file
  openssl x509 -in $file -noout -issuer -nameopt multiline | sed -n 's/ *commonName *= //p'
}
for root in "$wanted" "$default" "$wanted"; do
  { config_ca; echo "chain = $root"; config_certificate example.test; } > $config
  run certlatch renew --force
  expect_status 0
  expect_issued example.test
  expect_equal 'the root of the chain' "$root" "$(issuer)"
done
{ config_ca; echo "chain = No Such Root"; config_certificate example.test; } > $config
run certlatch renew --force
expect_status 0
expect_says 'example.test: the CA has no chain to `No Such Root`' "$wanted" "$default"
expect_equal 'the root of the chain' "$default" "$(issuer)"
