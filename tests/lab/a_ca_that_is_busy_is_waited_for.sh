#!/bin/bash
# SPDX-License-Identifier: MIT
# A CA that refuses nonces, is busy, or has faults of its own: a run ends in success when that passes,
# and else with a sentence; within a bound, with the port shut, and the next run gets the certificate.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
goes_well
goes_well 'any badnonce:90'
goes_well 'neworder nononce' 'finalize nononce'
fails 'no usable Replay-Nonce' 'nonce nononce'
goes_well 'any type'
goes_well 'any fields'
goes_well 'any retryafter:0'
goes_well 'certificate drip 1'

goes_well 'neworder 429:date 1' 'order 500 1' 'finalize 503 1'
goes_well 'neworder 503:date 1'
fails 'the CA asks to wait until' 'neworder 429:86400'
fails 'the CA asks to wait until' 'neworder 503:86400'
fails 'newOrder: the CA refuses the request (status 429)' 'neworder 429'
fails 'finalize: the CA has a fault of its own (status 503)' 'finalize 503'
expect_tried 12
