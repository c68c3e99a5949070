#!/bin/bash
# SPDX-License-Identifier: MIT
# A connection cut at any stage, before anything is done, after it was, or in the middle of the answer, is tried again; one
# that always is ends the run with a sentence, the port is shut, and the next run gets the certificate.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
# At every stage.
for stage in directory nonce newaccount neworder authorization challenge finalize order certificate; do
  rm -rf $worker_state/accounts/lab/account
  goes_well "$stage 503:1 1" "$stage cut 1" "$stage cutbody 1" "$stage lost 1"
done
fails 'broke off' 'directory cut'
fails 'broke off' 'finalize cutbody'
fails 'broke off' 'any cut'
expect_tried 11

# The account's next key, and a revocation. Where the answer is lost after the CA has done it, a repetition is refused; the
# same command then finds that it was done.
does() {  # COMMAND STATUS FAULT...
  tried=$((tried + 1))
  faults "${@:3}"
  run certlatch $1
  [ "$status" = "$2" ] || echo "with: ${*:3}" >&2
  expect_status "$2"
}
account_key() { sha256sum < $worker_state/accounts/lab/key.pem; }
for fault in 'cut 1' 'lost 1' '503:1 1'; do
  key=$(account_key)
  case $fault in
    lost*)
      does 'account rollover' 1 "keychange $fault"
      expect_says 'keyChange: '
      expect_equal 'the key, until it is known whether the CA has the other' "$key" "$(account_key)"
      does 'account rollover' 0
      ;;
    *) does 'account rollover' 0 "keychange $fault" ;;
  esac
  expect_different 'the key before and after' "$key" "$(account_key)"
  does 'account show' 0
  expect_says 'status   valid'
  does 'revoke example.test' 0 "revoke $fault"
  expect_says revoked
  does 'renew' 0
done
does 'account rollover' 1 'keychange cut'
expect_says 'keyChange: ' 'broke off'
does 'account rollover' 0
does 'revoke example.test' 1 'revoke cut'
expect_says 'revokeCert: ' 'broke off'
does 'revoke example.test' 0
expect_tried 29
