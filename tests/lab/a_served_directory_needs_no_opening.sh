#!/bin/bash
# SPDX-License-Identifier: MIT
# `webroot`: where a web server is there for everyone, the challenge is a file in its directory, and nothing is opened.
. "$(dirname "$0")/lib/lab.sh"

ca_start
write_policy
www=/var/lib/www
install -d -m 0755 -o certlatch $www
{ config_ca; config_certificate example.test | sed "s|^opening .*|webroot = $www|"; } > $config
nginx_start
sed -i "s|^  access_log off;|&\n  server { listen 80; listen [::]:80; root $www; }|" /etc/nginx/nginx.conf
/usr/sbin/nginx -s reload 2> $lab/log/nginx
nft insert rule inet filter input tcp dport 80 accept
broker_start
wait_until 'nginx to listen on port 80' outside "$door" probe $host4 80
run certlatch renew
expect_status 0
expect_issued example.test
expect_equal 'openings' 0 "$(audited 'open http' done)"
expect_equal 'files that are left' '' "$(find $www -type f)"

# What the web server would show is looked at before the CA is told: here it has another directory.
echo "nameserver $host4" > /etc/resolv.conf
pebble-challtestsrv -dns01 $host4:53 -http01 '' -https01 '' -tlsalpn01 '' -management 127.0.0.1:8055 -defaultIPv4 $host4 \
  -defaultIPv6 '' > $lab/log/dns.host 2>&1 < /dev/null &
wait_until 'a resolver here' "$door" probe $host4 53
run_challenged certlatch renew --force
expect_status 0
expect_silent_about 'web server'
sed -i "s|root $www;|root /var/lib/other;|" /etc/nginx/nginx.conf
/usr/sbin/nginx -s reload 2> $lab/log/nginx
shows_another() { [ "$(curl -s -o /dev/null -w '%{http_code}' http://$host4/)" != 403 ]; }
wait_until 'nginx to show the other directory' shows_another
run_challenged certlatch renew --force
expect_status 1
expect_says "the web server at $host4 answers \`404 Not Found\` for the challenge of example.test"
chmod 0700 $www/.well-known
run_challenged certlatch renew --force
expect_says "$www/.well-known lets only its owner in (mode 0700)"

# Why the directory cannot be made, and not merely that it is not there.
refused=/var/lib/refused
install -d -m 0755 $refused
sed -i "s|^webroot .*|webroot = $refused|" $config
run_challenged certlatch renew --force
expect_status 1
expect_says "the directory for challenges, $refused/.well-known: Permission denied"
mount -t tmpfs -o ro,mode=0755,uid=certlatch refused $refused
run_challenged certlatch renew --force
expect_status 1
expect_says "the directory for challenges, $refused/.well-known: Read-only file system"
