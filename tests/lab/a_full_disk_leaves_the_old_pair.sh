#!/bin/bash
# SPDX-License-Identifier: MIT
# No room for the new pair: the old one stays whole and served, and when there is room the next run installs without
# asking the CA again.
. "$(dirname "$0")/lib/lab.sh"

ca_start
mount -t tmpfs -o size=40k,mode=755 small $pairs
host_up
dd if=/dev/zero of=$pairs/ballast bs=1k count=100 2> /dev/null || true
old=$(served_certificate)
files=$(cat $pairs/example.test/live/*.pem)
run certlatch renew
expect_status 4
expect_says 'No space left' example.test
expect_equal 'the pair on disk' "$files" "$(cat $pairs/example.test/live/*.pem)"
/usr/sbin/nginx -s reload
expect_equal 'the certificate served' "$old" "$(served_certificate)"
expect_shut

rm $pairs/ballast
ca_stop
run certlatch renew
expect_status 0
expect_issued example.test
