#!/bin/bash
# SPDX-License-Identifier: MIT
# An answer that comes byte by byte is waited for as long as a minute and no longer, though a port is open meanwhile; the run
# ends with a sentence, the port is shut, and the next run gets the certificate.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
began=$SECONDS
fails 'Operation timed out after 60' 'challenge drip:0.5'
took=$((SECONDS - began))
if [ $took -lt 60 ] || [ $took -gt 90 ]; then fail "the run, and the next one, took $took s"; fi
expect_issued example.test
