#!/bin/bash
# SPDX-License-Identifier: MIT
# `credential:NAME`: the key for external account binding and the passphrase of the account's key are those that the
# service manager hands over (systemd.exec(5), LoadCredential=); a run without it names the file that is not there.
. "$(dirname "$0")/lib/lab.sh"

secret=zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W
ca_more=',"externalAccountBindingRequired":true,"externalAccountMACKeys":{"kid-1":"'$secret'"}'
ca_start
host_up
{
  config_ca
  printf '%s\n' 'eab kid = kid-1' 'eab key file = credential:eab' 'account passphrase = credential:passphrase'
  config_certificate example.test
} > $config

# As the service manager leaves them: nobody else's, and not to be changed.
credentials=/run/credentials/certlatch.service
install -d -m 0500 -o certlatch -g certlatch $credentials
install -m 0400 -o certlatch -g certlatch <(echo $secret) $credentials/eab
install -m 0400 -o certlatch -g certlatch <(echo 'correct horse') $credentials/passphrase
started() { as_worker env CREDENTIALS_DIRECTORY=$credentials $bin/certlatch "$@"; }
key=$worker_state/accounts/lab/key.pem

run certlatch renew
expect_status 1
expect_says '/run/credentials/eab' 'No such file or directory'
expect_shut
if [ -e $key ]; then fail 'a key was made without its passphrase'; fi

run started renew --force
expect_status 0
expect_issued example.test
expect_equal 'the key on disk' '-----BEGIN ENCRYPTED PRIVATE KEY-----' "$(head -1 $key)"
openssl pkey -in $key -passin 'pass:correct horse' -noout || fail 'the passphrase is not the credential'
run started account show
expect_status 0
expect_says 'status   valid'

# The credential is another one, or none.
install -m 0400 -o certlatch -g certlatch <(echo 'wrong horse') $credentials/passphrase
run started account show
expect_status 1
expect_says 'the passphrase does not open the private key'
rm $credentials/passphrase
run started account show
expect_status 1
expect_says "$credentials/passphrase" 'No such file or directory'
