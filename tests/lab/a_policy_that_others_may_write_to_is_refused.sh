#!/bin/bash
# SPDX-License-Identifier: MIT
# A policy that anyone but root could change is none: the file itself, its owner, or a directory above it.
. "$(dirname "$0")/lib/lab.sh"

refused() {
  run "${broker_command[@]}"
  expect_status 1
  expect_says "$1"
}
write_policy
chmod 0664 $policy
refused $policy
chmod 0644 $policy
chown certlatch $policy
refused $policy
chown root $policy
chmod 0777 /etc/certlatch
refused /etc/certlatch
chmod 0755 /etc/certlatch
broker_start
