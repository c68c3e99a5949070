#!/bin/bash
# SPDX-License-Identifier: MIT
# `renew --dry-run` goes the whole way through the opened door, and leaves no trace but an opening in the audit log.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
state() { (cd $worker_state && find . -type f ! -name lock -exec sha256sum {} + | sort; cd $pairs && find . | sort); }
run certlatch renew --dry-run
expect_status 2
expect_says 'no staging directory of [ca lab] is known'
sed -i "s|^directory = .*|&\nstaging = $ca_url|" $config
before=$(state)
old=$(served_certificate)
run certlatch renew --dry-run
expect_status 0
expect_says 'example.test: the trial went well: lab would issue a certificate'
expect_equal 'openings' 1 "$(audited 'open http' done)"
expect_equal 'reloads' 0 "$(audited 'service nginx' done)"
expect_equal 'what is on disk' "$before" "$(state)"
expect_equal 'the certificate served' "$old" "$(served_certificate)"
expect_shut
run certlatch renew
expect_status 0
expect_issued example.test
before=$(state)
run certlatch renew --dry-run
expect_status 0
expect_equal 'what is on disk' "$before" "$(state)"
