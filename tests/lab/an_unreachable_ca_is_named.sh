#!/bin/bash
# SPDX-License-Identifier: MIT
# Nobody answers at the CA's address: exit status 1 and its URL; the port is never asked for.
. "$(dirname "$0")/lib/lab.sh"

host_up
run certlatch renew
expect_status 1
expect_says ca.test
expect_equal 'openings' 0 "$(audited 'open http' done)"
