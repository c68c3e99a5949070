#!/bin/bash
# SPDX-License-Identifier: MIT
# The commands of a certificate run as the worker's user, with certbot's variables, and cannot read the worker's state;
# `deployed` is run until it succeeds.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
mkdir -m 0777 /var/lib/hooks
cat > /usr/local/bin/hook <<'HOOK'
#!/bin/sh
{
  echo "$1 uid=$(id -u) RENEWED_DOMAINS=$RENEWED_DOMAINS RENEWED_LINEAGE=$RENEWED_LINEAGE FAILED_DOMAINS=$FAILED_DOMAINS"
  cat /var/lib/certlatch/accounts/*/key.pem /var/lib/certlatch/certificates/*/privkey.pem && echo "it has a key"
  ls -R /var/lib/certlatch && echo "it sees the state"
  echo x > /var/lib/certlatch/settled && echo "it writes the state"
} >> /var/lib/hooks/log 2> /dev/null
if [ "$1" = deployed ] && [ -e /var/lib/hooks/fail ]; then echo 'no luck today'; exit 3; fi
exit 0
HOOK
chmod 0755 /usr/local/bin/hook
printf '%s\n' 'before = /usr/local/bin/hook before' 'after = /usr/local/bin/hook after' \
  'deployed = /usr/local/bin/hook deployed' >> $config
touch /var/lib/hooks/fail
run certlatch renew
expect_status 4
expect_says 'example.test: `deployed`: /usr/local/bin/hook ended with status 3' '  no luck today'
expect_issued example.test
run certlatch renew
expect_status 4
rm /var/lib/hooks/fail
ca_stop
run certlatch renew
expect_status 0
run certlatch renew
expect_silent
expected="before uid=871 RENEWED_DOMAINS= RENEWED_LINEAGE= FAILED_DOMAINS=
after uid=871 RENEWED_DOMAINS=example.test RENEWED_LINEAGE= FAILED_DOMAINS=
deployed uid=871 RENEWED_DOMAINS=example.test RENEWED_LINEAGE=$pairs/example.test/live FAILED_DOMAINS=
deployed uid=871 RENEWED_DOMAINS=example.test RENEWED_LINEAGE=$pairs/example.test/live FAILED_DOMAINS=
deployed uid=871 RENEWED_DOMAINS=example.test RENEWED_LINEAGE=$pairs/example.test/live FAILED_DOMAINS="
expect_equal 'what the hooks saw' "$expected" "$(cat /var/lib/hooks/log)"
