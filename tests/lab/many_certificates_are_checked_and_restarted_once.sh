#!/bin/bash
# SPDX-License-Identifier: MIT
# Forty certificates that are due together lead to one opening, and to one check and one restart of each service, in the
# order of the policy; when a check fails for one of them, that one alone is undone and named, and the others are served.
. "$(dirname "$0")/lib/lab.sh"

names=()
for ((i = 1; i <= 40; i++)); do names+=("site$i.test"); done
ca_start
write_policy :8080 'inet filter input' "${names[@]}"
write_config "${names[@]}"
# Each service says what is done to it; the policy names the second one first.
cat > /usr/local/bin/service <<'SERVICE'
#!/bin/sh
echo "$*" >> /run/lab/done
case $1 in restart) exit 0 ;; esac
for live in /etc/ssl/certlatch/*/live; do
  if [ "$(readlink $live):$live" = "$(cat /run/lab/refused 2> /dev/null)" ]; then echo "no good: $live"; exit 1; fi
done
SERVICE
cat > /usr/local/bin/reload-nginx <<'RELOAD'
#!/bin/sh
/usr/local/bin/service restart nginx
exec /usr/sbin/nginx -s reload
RELOAD
chmod 0755 /usr/local/bin/service /usr/local/bin/reload-nginx
sed -i -e 's/^services .*/services = nginx mail/' -e '/^\[service nginx\]/,$d' $policy
cat >> $policy <<'POLICY'
[service mail]
check   = /usr/local/bin/service check mail
command = /usr/local/bin/service restart mail

[service nginx]
check   = /usr/local/bin/service check nginx
command = /usr/local/bin/reload-nginx
POLICY
nginx_start "${names[@]}"
broker_start

run certlatch renew
expect_status 0
for name in "${names[@]}"; do expect_issued "$name"; done
expect_equal openings 1 "$(audited 'open http' done)"
expect_equal 'what was done to the services' 'check mail,restart mail,check nginx,restart nginx,' "$(tr '\n' ',' < /run/lab/done)"
run certlatch renew
expect_status 0
expect_silent

echo "2:$pairs/site5.test/live" > /run/lab/refused
: > /run/lab/done
run certlatch renew --force
expect_status 4
expect_says 'site5.test: install site5.test: undone' 'no good: /etc/ssl/certlatch/site5.test/live'
expect_equal openings 2 "$(audited 'open http' done)"
expect_equal 'the version of the one that the check refuses' 1 "$(readlink $pairs/site5.test/live)"
expect_equal 'how many were undone' 1 "$(grep -c ': undone' $said_file)"
for name in "${names[@]}"; do
  [ $name = site5.test ] || expect_equal "the version of $name" 2 "$(readlink $pairs/$name/live)"
  expect_issued $name
done
expect_equal 'restarts of mail' 1 "$(grep -c 'restart mail' /run/lab/done)"
expect_equal 'restarts of nginx' 1 "$(grep -c 'restart nginx' /run/lab/done)"
