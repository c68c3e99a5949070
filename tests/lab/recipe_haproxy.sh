#!/bin/bash
# SPDX-License-Identifier: MIT
# HAProxy gets the new certificate, in one file with its key, as docs/operations.md says.
. "$(dirname "$0")/lib/lab.sh"
. "$lab_library/recipe.sh"

recipe_site 'owner = root:root' 'mode = 0600' 'combined = yes'
mkdir -p /etc/haproxy
cat > /etc/haproxy/haproxy.cfg <<CONF
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend site
  bind :443 ssl crt $pairs/example.test/live/combined.pem
  http-request return status 200
CONF
/usr/sbin/haproxy -W -D -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid 2> $lab/log/haproxy || fail "$(cat $lab/log/haproxy)"
wait_until 'HAProxy to listen' outside "$door" probe $host4 443
printf '%s\n' '#!/bin/sh' 'exec /bin/kill -USR2 $(cat /run/haproxy.pid)' > /usr/local/bin/reload-haproxy
chmod 0755 /usr/local/bin/reload-haproxy
recipe_service /usr/local/bin/reload-haproxy '/usr/sbin/haproxy -c -q -f /etc/haproxy/haproxy.cfg'
recipe_verified example.test:443
