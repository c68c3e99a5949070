#!/bin/bash
# SPDX-License-Identifier: MIT
# A request names an entry of the policy. One that names anything else - a path, a port, a unit, a command - is
# refused and logged, and the host stays as it is.
. "$(dirname "$0")/lib/lab.sh"

host_up
before=$(ruleset) served=$(served_certificate)
for entry in https 80 ssh /etc/passwd ../../etc 'inet filter input' '*' '' 'http; nft flush ruleset' HTTP "http "; do
  for request in open_request restart_request; do
    forge 2 "$(hello)" "$($request "$entry")"
    expect_says '81 ' 'ff '
  done
  forge 2 "$(hello)" "$(install_request "$entry" chain key)"
  expect_says 'ff '
done
for service in nginx.service sshd /usr/sbin/nginx 'nginx -s stop' ../nginx; do
  forge 2 "$(hello)" "$(restart_request "$service")"
  expect_says 'ff '
done
expect_equal 'the ruleset' "$before" "$(ruleset)"
expect_equal 'the certificate served' "$served" "$(served_certificate)"
expect_equal 'acts in the log' 0 "$(grep -v 'what="hello"' $audit | grep -c 'outcome=\(allowed\|done\)' || true)"
expect_equal 'refusals in the log' 38 "$(grep -c 'outcome=refused' $audit)"

# What may be asked is what `explain` says, before anything runs.
run $bin/certlatch-policy explain --policy $policy
expect_status 0
expect_says 80 8080 eth0 example.test $pairs/example.test '/usr/sbin/nginx -s reload'
