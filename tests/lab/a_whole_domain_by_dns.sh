#!/bin/bash
# SPDX-License-Identifier: MIT
# dns-01: a wildcard beside its domain, their records put and taken away by a command of the configuration,
# which cannot read the worker's keys.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
sed -i 's/^names .*/names = example.test *.example.test/' $policy
broker_stop
broker_start
cat > /etc/certlatch/dns <<SCRIPT
#!/bin/sh
cat $worker_state/accounts/*/*key* >> /run/lab/log/stolen 2> /dev/null || :
set -eu
echo "\$1 \$CERTLATCH_RECORD \$CERTLATCH_VALUE" >> /run/lab/log/records
case \$1 in
  add) path=set-txt ;;
  remove) path=clear-txt ;;
  *) echo 'no such thing'; exit 3 ;;
esac
exec curl --noproxy '*' -sS --fail -d "{\"host\":\"\$CERTLATCH_RECORD.\",\"value\":\"\$CERTLATCH_VALUE\"}" http://$ca4:8055/\$path
SCRIPT
chmod +x /etc/certlatch/dns
: > $lab/log/records
: > $lab/log/stolen
chmod 666 $lab/log/records $lab/log/stolen
by_dns() {
  config_ca
  config_certificate example.test 'example.test *.example.test' | sed '/^opening/d; s/^challenge .*/challenge = dns-01\ndns = here/'
  printf '%s\n' '[dns here]' 'provider = command' "add = $1" 'remove = /etc/certlatch/dns remove'
}
by_dns '/etc/certlatch/dns add' > $config
run certlatch renew
# The CA's test server of DNS knows one value for each name: it is asked for both by and by.
[ "$status" = 0 ] || run certlatch renew --force
[ "$status" = 0 ] || run certlatch renew --force
expect_status 0
expect_issued example.test
openssl x509 -in $pairs/example.test/live/cert.pem -noout -checkhost any.example.test | grep -q 'does match' ||
  fail 'it is not for the whole domain'
expect_equal 'openings' 0 "$(audited 'open http' done)"
expect_equal 'records put and taken away' "$(grep -c ^add $lab/log/records)" "$(grep -c ^remove $lab/log/records)"
grep -q '^add _acme-challenge.example.test [A-Za-z0-9_-]\{43\}$' $lab/log/records || fail "$(cat $lab/log/records)"

[ -n "$(find $worker_state/accounts -name '*key*')" ] || fail 'there is no key that could be read'
expect_equal 'what it could read of the account key' '' "$(cat $lab/log/stolen)"

by_dns '/etc/certlatch/dns nonsense' > $config
run_challenged certlatch renew --force
expect_status 1
expect_says '[dns here]: /etc/certlatch/dns ended with status 3' 'no such thing'
by_dns '/nowhere' > $config
run_challenged certlatch renew --force
expect_says '/nowhere cannot be executed'
