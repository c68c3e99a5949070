#!/bin/bash
# SPDX-License-Identifier: MIT
# Seen from outside, port 80 opens once and shuts again while the worker renews; the high port never opens by itself.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
for family in 4 6; do
  watch_door $family
  expect_equal 'the high port' dropped "$(port 8080 $family 200)"
  run_challenged certlatch renew --force
  expect_status 0
  watch_end
  expect_equal "the changes seen over IPv$family" 'shut open shut' "$(watched_changes)"
done
