#!/bin/bash
# SPDX-License-Identifier: MIT
# A CA that serves its customers only: the account is bound to the customer's key, shown, given another key, encrypted,
# brought out and in, and ended.
. "$(dirname "$0")/lib/lab.sh"

secret=zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W
ca_more=',"externalAccountBindingRequired":true,"externalAccountMACKeys":{"kid-1":"'$secret'"}'
ca_start
host_up
run certlatch renew
expect_status 1
expect_says 'external account binding' 'eab kid'
expect_shut

install -m 0400 -o certlatch <(echo $secret) /etc/certlatch/eab
{ config_ca; printf '%s\n' 'eab kid = kid-1' 'eab key file = /etc/certlatch/eab'; config_certificate example.test; } > $config
run certlatch account show
expect_status 1
expect_says 'knows no account of this key'
run certlatch renew --force
expect_status 0
expect_issued example.test

run certlatch account show
expect_status 0
expect_says 'status   valid' 'mailto:admin@example.test' 'https://ca.test:14000/'
old=$(sha256sum < $worker_state/accounts/lab/key.pem)
run certlatch account rollover lab
expect_status 0
expect_different 'the key before and after' "$old" "$(sha256sum < $worker_state/accounts/lab/key.pem)"
if [ -e $worker_state/accounts/lab/next-key.pem ]; then fail 'the next key is still there'; fi

install -m 0400 -o certlatch <(echo 'correct horse') /etc/certlatch/passphrase
sed -i 's/^\[ca lab\]/&\naccount passphrase = \/etc\/certlatch\/passphrase/' $config
run certlatch renew --force
expect_status 0
expect_equal 'the key on disk' '-----BEGIN ENCRYPTED PRIVATE KEY-----' "$(head -1 $worker_state/accounts/lab/key.pem)"

certlatch account export --jwk > $lab/account.jwk
certlatch account export > $lab/account.pem
openssl pkey -in $lab/account.pem -noout
# The key that is there already, and another one.
run certlatch account import $lab/account.pem
expect_status 0
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $lab/other.pem 2> /dev/null
chmod 0644 $lab/other.pem
run certlatch account import $lab/other.pem
expect_status 1
expect_says 'is there already, with another key'
rm -r $worker_state/accounts/lab
chmod 0644 $lab/account.jwk
run certlatch account import $lab/account.jwk
expect_status 0
run certlatch account show
expect_status 0
ended=$(certlatch account show | sed -n 's/^  url *//p')

# Ended behind its back, it is refused for ever, and what is said helps.
cp -a $worker_state/accounts/lab $lab/backup
run certlatch account deactivate
expect_status 0
expect_says deactivated
mv $worker_state/accounts/lab $lab/after
cp -a $lab/backup $worker_state/accounts/lab
run certlatch renew --force
expect_status 1
expect_says 'Account has been deactivated' "hint: if the account of [ca lab] has been deactivated: move $worker_state/accounts/lab/key.pem away"
expect_shut

# Ended here, its key is set aside, and the next run makes another account.
rm -r $worker_state/accounts/lab
mv $lab/after $worker_state/accounts/lab
expect_equal 'what is kept of it' 'deactivated-key.pem' "$(ls $worker_state/accounts/lab)"
run certlatch renew --force
expect_status 0
run certlatch account show
expect_status 0
expect_different 'the account' "$ended" "$(sed -n 's/^  url *//p' <<< "$said")"
expect_shut
