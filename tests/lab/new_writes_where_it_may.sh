#!/bin/bash
# SPDX-License-Identifier: MIT
# `certlatch new` with a configuration that is root's: the worker's user is shown what is to be added, root has it added,
# and the worker may read it. What is written and printed is accepted, however many names there are.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
chown root $config
chmod 0644 $config
before=$(cat $config)
run certlatch new shop.test www.shop.test --service nginx
expect_status 1
expect_says "To be added to $config" '[certificate shop.test]' 'names     = shop.test www.shop.test' \
  "The broker's policy, /etc/certlatch/policy.conf, needs" '[install shop.test]' 'services  = nginx' \
  'nothing was changed. Run this with sudo, or add the lines above as root'
if grep -q '\[service nginx\]\|\[open' $said_file; then fail 'it proposes what the policy has'; fi
expect_equal 'the configuration' "$before" "$(cat $config)"

as_root() { env -i PATH=/usr/bin:/bin $bin/certlatch "$@"; }
run as_root new shop.test www.shop.test --service nginx
expect_status 0
expect_says "Added to $config" '[install shop.test]'
expect_equal 'owner and mode of the configuration' 'root 644' "$(stat -c '%U %a' $config)"
"$bin"/certlatch-policy --help > /dev/null
policy_install shop.test >> $policy
broker_stop
broker_start
run certlatch renew
expect_status 0
expect_says 'shop.test: installed as shop.test, version 1'
run as_root new shop.test
expect_status 2

# Forty names are more than a line holds.
names=$(for i in {1..40}; do echo "shop-number-$i.many.test"; done)
run as_root new many.test $names
expect_status 0
sed -n '/^\[install many.test\]/,/^`certlatch-policy check`/p' $said_file | grep -v '^`' > $lab/many
{ cat $policy $lab/many; } > $lab/policy
run $bin/certlatch-policy check --policy $lab/policy
expect_status 0
run $bin/certlatch-policy ask 'install many.test' --policy $lab/policy
expect_says shop-number-1.many.test shop-number-40.many.test
run certlatch list
expect_says shop-number-1.many.test shop-number-40.many.test

# None yet: it is made, and the worker can read it.
rm $config
run as_root new shop.test --contact admin@example.test --agree
expect_status 0
expect_equal 'owner and mode of a new one' 'root 644' "$(stat -c '%U %a' $config)"
run certlatch list
expect_status 0
expect_says 'shop.test'
run certlatch list --json
echo "$said" | python3 -c 'import json, sys; assert [one["certificate"] for one in json.load(sys.stdin)] == ["shop.test", "example.test"]'

# Removed from the configuration, then revoked, then deleted.
run certlatch list
expect_says 'example.test' 'not in the configuration'
