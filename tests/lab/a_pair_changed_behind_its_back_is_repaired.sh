#!/bin/bash
# SPDX-License-Identifier: MIT
# A pair that something else has removed or replaced is noticed by a plain run, although nothing is due; one that was
# only touched is looked at and left alone. A run with nothing to do asks nobody.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
live=$pairs/example.test/live
requests() { grep -c 'what="hello" outcome=allowed' $audit; }
renew_in_silence() {
  run certlatch renew
  expect_status 0
  expect_silent
}
run certlatch renew
expect_status 0
asked=$(requests)
renew_in_silence
expect_equal 'connections to the broker' "$asked" "$(requests)"

# Removed.
rm $live
run certlatch renew
expect_status 0
expect_says 'what was installed as example.test is gone'
expect_issued example.test
renew_in_silence

# Replaced by another pair, in place. The second repair within a minute waits, unless it is asked for.
self_signed $live/privkey.pem $live/fullchain.pem DNS:example.test
run certlatch renew
expect_status 0
expect_says 'repaired from'
run certlatch renew --force
expect_status 0
expect_issued example.test
renew_in_silence

# Touched: one question, and nothing is done.
asked=$(requests)
chmod 0640 $live/fullchain.pem
installed=$(cat $live/fullchain.pem)
renew_in_silence
expect_equal 'connections to the broker' $((asked + 1)) "$(requests)"
expect_equal 'the pair installed' "$installed" "$(cat $live/fullchain.pem)"
renew_in_silence
expect_equal 'connections to the broker' $((asked + 1)) "$(requests)"

# The link leads to an older version.
ln -sfn 1 $live
run certlatch renew --force
expect_status 0
expect_issued example.test
