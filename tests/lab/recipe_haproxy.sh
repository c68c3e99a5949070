#!/bin/bash
# SPDX-License-Identifier: MIT
# HAProxy gets the new certificate, in one file with its key, as docs/operations.md says.
. "$(dirname "$0")/lib/lab.sh"
. "$lab_library/recipe.sh"

recipe_site HAProxy
mkdir -p /etc/haproxy
cat > /etc/haproxy/haproxy.cfg <<CONF
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend site
  $(recipe_lines HAProxy haproxy.cfg)
  http-request return status 200
CONF
service haproxy start > $lab/log/haproxy 2>&1 || fail "$(cat $lab/log/haproxy)"
wait_until 'HAProxy to listen' outside "$door" probe $host4 443
recipe_verified
