#!/bin/bash
# SPDX-License-Identifier: MIT
# However many certificates a run renews, it asks for the port once, and nginx is reloaded once.
. "$(dirname "$0")/lib/lab.sh"

ca_start
write_policy :8080 'inet filter input' example.test second.test
write_config example.test second.test
nginx_start example.test second.test
broker_start
run certlatch renew
expect_status 0
expect_issued example.test
expect_issued second.test
expect_equal 'openings' 1 "$(audited 'open http' done)"
expect_equal 'reloads' 1 "$(audited 'service nginx' done)"
