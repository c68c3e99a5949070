#!/bin/bash
# SPDX-License-Identifier: MIT
# A connection cut at any stage, before the answer or in the middle of it, is tried again; one that always is ends the run
# with a sentence, the port is shut, and the next run gets the certificate.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
# At every stage.
for stage in directory newaccount neworder authorization challenge finalize order certificate; do
  rm -rf $worker_state/accounts/lab/account
  goes_well "$stage 503:1 1" "$stage cut 1" "$stage cutbody 1"
done
fails 'broke off' 'directory cut'
fails 'broke off' 'finalize cutbody'
fails 'broke off' 'any cut'
expect_tried 11
