#!/bin/bash
# SPDX-License-Identifier: MIT
# nginx gets the new certificate as docs/operations.md says.
. "$(dirname "$0")/lib/lab.sh"
. "$lab_library/recipe.sh"

recipe_site nginx
mkdir -p /var/log/nginx /var/lib/nginx
cat > /etc/nginx/nginx.conf <<CONF
user www-data;
pid /run/nginx.pid;
events { }
http {
  access_log off;
  server {
    listen 443 ssl;
    server_name example.test;
    $(recipe_lines nginx nginx.conf)
  }
}
CONF
service nginx start > $lab/log/nginx 2>&1 || fail "$(cat $lab/log/nginx)"
wait_until 'nginx to listen' outside "$door" probe $host4 443
recipe_verified
