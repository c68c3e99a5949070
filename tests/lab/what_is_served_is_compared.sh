#!/bin/bash
# SPDX-License-Identifier: MIT
# After a restart the certificate that is really served is compared; one that is stale is an error with its likely
# reason, and `certlatch verify` does the same at any time. Many places that do not answer take no longer than one.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
echo "verify = example.test:443 $host4:443 [$host6]:443" >> $config
run certlatch renew
expect_status 0
# For a moment after a reload nginx's old workers take connections, too.
wait_until 'the old workers to be gone' certlatch verify
run certlatch verify
expect_status 0
expect_says "example.test: example.test:443 serves it" "example.test: $host4:443 serves it" "example.test: [$host6]:443 serves it"
run certlatch verify --json
expect_status 0
expect_equal 'places' "example.test:443 True $host4:443 True [$host6]:443 True" "$(python3 -c 'import json, sys
print(*(word for it in json.load(sys.stdin) for word in (it["place"], it["served"])))' < $said_file)"
run certlatch --quiet verify
expect_silent

# Each of these is given five seconds to come, all of them at once; and not by every run, for ever.
sed -i '/^verify/d' $config
printf 'verify = %s\n' 127.0.0.1:{1..30} example.test:443 >> $config
before=$SECONDS
run certlatch renew --force
expect_status 4
expect_says '127.0.0.1:1: ' '127.0.0.1:30: '
if [[ $said == *'example.test:443: '* ]]; then fail "what is served: $said"; fi
[ $((SECONDS - before)) -lt 30 ] || fail "it took $((SECONDS - before)) seconds"
run certlatch renew
expect_status 4
run certlatch renew
expect_status 4
run certlatch renew
expect_silent
sed -i '/^verify/d' $config
echo "verify = example.test:443 $host4:443 [$host6]:443" >> $config

# A reload that does nothing: installed, but not served.
broker_stop
sed -i 's|^command = .*|command = /bin/true|' $policy
broker_start
run certlatch renew --force
expect_status 4
expect_says 'it is installed, but not served: example.test:443: serves a certificate for example.test' 'was not restarted'
run certlatch verify
expect_status 4
expect_says 'the service was not restarted after the install, or it does not read the files in `live`'
# Put right by hand: the next run is content, and the one after that asks nobody.
/usr/sbin/nginx -s reload
run certlatch renew
expect_status 0
run certlatch renew
expect_silent

# Nobody is there.
nginx_stop
run certlatch verify
expect_status 4
expect_says 'Connection refused'
