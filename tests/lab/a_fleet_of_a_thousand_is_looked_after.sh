#!/bin/bash
# SPDX-License-Identifier: MIT
# A policy and a configuration with a thousand entries: more than one answer of the broker holds. What is due is renewed, status tells of all, and a run with nothing to do reads nothing.
. "$(dirname "$0")/lib/lab.sh"
ulimit -Sn 4096  # as LimitNOFILE in the unit: a descriptor for each entry

ca_start
names=(site1.test site2.test site3.test)
{
  write_policy :8080 'inet filter input' "${names[@]}"
  for ((i = 4; i <= 1000; i++)); do policy_install site$i.test; done >> $policy
}
write_config "${names[@]}"
nginx_start "${names[@]}"
broker_start
run certlatch renew
expect_status 0
for name in "${names[@]}"; do expect_issued $name; done
run certlatch renew
expect_status 0
expect_silent

# All of them are configured, and two are asked for.
for ((i = 4; i <= 1000; i++)); do config_certificate site$i.test; done >> $config
run certlatch renew site3.test site500.test --force
expect_status 0
expect_issued site3.test
[ -e $pairs/site500.test/live/privkey.pem ] || fail 'site500.test is not installed'
run certlatch status --json
expect_status 1
echo "$said" | python3 -c '
import json, sys
all = {one["certificate"]: one for one in json.load(sys.stdin)}
assert len(all) == 1000, len(all)
for name in ("site1.test", "site3.test", "site500.test"):
    assert all[name]["attention"] == [], all[name]
    assert all[name]["services"] == [{"service": "nginx", "condition": "loaded"}], all[name]
assert all["site1000.test"]["installs"] == [{"entry": "site1000.test", "condition": "missing", "version": None}], all["site1000.test"]'
# What cannot be seen from the state shows in all parts of the answer.
broker_stop
rm -rf $broker_state
broker_start
run certlatch status site500.test
expect_status 1
expect_says 'nginx stale'
