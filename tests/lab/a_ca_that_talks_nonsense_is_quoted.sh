#!/bin/bash
# SPDX-License-Identifier: MIT
# A CA whose answers are none, or lead elsewhere: the run ends with a sentence that says so, the port is shut, and the
# next run, with a CA that behaves again, gets the certificate.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
for stage in directory neworder authorization finalize; do
  fails 'is not JSON' "$stage html"
  fails 'is longer than 256 KiB' "$stage oversize"
  fails 'is empty' "$stage empty"
done
for stage in newaccount order; do
  for fault in "html|is not JSON" "oversize|is longer than 256 KiB" "empty|is empty"; do
    rm -f $worker_state/accounts/lab/account
    fails "${fault#*|}" "$stage ${fault%|*}"
  done
done
# What comes with a nonce, or says that a challenge is looked at, is not read.
goes_well 'nonce html' 'challenge html'
goes_well 'nonce empty' 'challenge empty'
fails 'is longer than 256 KiB' 'challenge oversize'
fails 'is nested too deeply' 'neworder deep'
fails 'has no "status"' 'neworder wide'
fails 'is not JSON' 'authorization binary'
fails 'the CA redirects' 'neworder redirect'
fails 'the CA redirects' 'directory redirect'
fails 'has an unknown status' 'authorization set:status="perhaps"'
fails 'has an unknown status' 'neworder set:status="on-hold"'
fails 'is not of https://ca.test:14001' 'neworder set:finalize="https://evil.test/finalize"'
fails 'is not an https URL' 'neworder set:authorizations=["http://ca.test:14001/a"]'
fails 'other names than were asked for' 'neworder set:identifiers=[{"type":"dns","value":"other.test"}]'
fails 'whose token is not base64url' 'authorization token:"../../../etc/passwd"'
fails 'whose token is not base64url' 'authorization token:"a\nb"'
fails 'whose token is not base64url' 'authorization token:"a\u0000b"'
expect_tried 34
