#!/bin/bash
# SPDX-License-Identifier: MIT
# `profile` and `profile required`.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
with_profile() { { config_ca $proxy_url; config_certificate example.test; printf '%s\n' "$@"; } > $config; }

with_profile 'profile = shortlived'
faults 'profiles classic shortlived'
run certlatch renew
expect_status 0
grep -q '^ORDER profile=shortlived$' $proxy_log || fail "no profile was asked for: $(cat $proxy_log)"
faults 'profiles classic'
run certlatch renew --force
expect_status 0
with_profile 'profile = shortlived' 'profile required = yes'
run certlatch renew --force
expect_status 1
expect_says 'does not offer the profile `shortlived`, which is required; it offers classic'
expect_shut
faults 'profiles shortlived' 'neworder problem:invalidProfile'
run certlatch renew --force
expect_status 1
expect_says 'none that the account may use'
with_profile 'profile = shortlived'
faults 'profiles shortlived' 'neworder problem:invalidProfile 1'
run certlatch renew --force
expect_status 0
expect_issued example.test
