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

# With a settled state, and the commands of the configuration: those around the challenges run, `deployed` does not.
mkdir -m 0777 /var/lib/hooks
printf '%s\n' '#!/bin/sh' 'echo "$1 $RENEWED_DOMAINS/$FAILED_DOMAINS" >> /var/lib/hooks/log' > /usr/local/bin/hook
chmod 0755 /usr/local/bin/hook
printf '%s\n' 'before = /usr/local/bin/hook before' 'after = /usr/local/bin/hook after' \
  'deployed = /usr/local/bin/hook deployed' >> $config
run certlatch renew
[ -e $worker_state/settled ] || fail 'nothing is settled'
rm -f /var/lib/hooks/log
before=$(state)
run certlatch renew --dry-run
expect_status 0
expect_equal 'what is on disk' "$before" "$(state)"
expect_equal 'what has run' $'before /\nafter example.test/' "$(cat /var/lib/hooks/log)"

# A trial that fails leaves no trace either.
rm /var/lib/hooks/log
ca_resolves 10.77.0.99 ''
run_challenged certlatch renew --dry-run
expect_status 1
expect_says 'could not validate example.test'
expect_equal 'what is on disk' "$before" "$(state)"
expect_equal 'what has run' $'before /\nafter /example.test' "$(tail -2 /var/lib/hooks/log)"
sed -i 's|^before = .*|before = /bin/false|' $config
run certlatch renew --dry-run
expect_status 1
expect_equal 'what is on disk' "$before" "$(state)"
expect_shut
