#!/bin/bash
# SPDX-License-Identifier: MIT
# The broker and `certlatch-policy check` name the same faults, each with file and line, and all of them at once.
. "$(dirname "$0")/lib/lab.sh"

cat > $policy <<'POLICY'
[broker]
worker = certlatch
audit  = audit.log
colour = blue

[open http]
port   = 80
port   = 81
to     = 8080
gate   =

[install example.org]
names     = exa_mple!.org
directory = ../certlatch
owner     = root
mode      = 0777
services  = nginx

[opening x]
POLICY
expect_lines() {
  local line
  for line in 3 4 8 9 10 13 14 15 16 17 19; do expect_says "$policy:$line: "; done
}
run "${broker_command[@]}"
expect_status 1
expect_lines
run $bin/certlatch-policy check --policy $policy
expect_different 'exit status of check' "$status" 0
expect_lines
