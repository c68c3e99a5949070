#!/bin/bash
# SPDX-License-Identifier: MIT
# All that is asked of a CA, at one that is strict, reuses authorizations always or never, refuses most nonces, takes its
# time, serves its customers only, or offers longer chains or several: certificates by http-01, tls-alpn-01, dns-01 and a
# served directory, for a key of its own and for a request made elsewhere; the account's contact, another key of it, out
# and in again; revocations.
. "$(dirname "$0")/lib/lab.sh"

processes_named() { local exe; for exe in /proc/[0-9]*/exe; do
  case $(readlink "$exe") in */"$1") exe=${exe%/exe}; echo "${exe#/proc/}" ;; esac; done; }

# ---- a host that has its names proven in every way

www=/var/lib/www
install -d -m 0755 -o certlatch $www
{
  policy_head
  policy_open
  echo 'share     = yes'
  printf '%s\n' '' '[open https]' 'port = 443' 'to = :8443' 'interface = eth0' 'gate = inet filter input' 'at most = 1m' 'share = yes'
  policy_install example.test
  policy_nginx
} > $policy
cat > /etc/certlatch/dns <<SCRIPT
#!/bin/sh
exec curl --noproxy '*' -sS --fail -d "{\"host\":\"\$CERTLATCH_RECORD.\",\"value\":\"\$CERTLATCH_VALUE\"}" http://$ca4:8055/\$1
SCRIPT
chmod +x /etc/certlatch/dns
openssl req -new -newkey rsa:2048 -nodes -subj / -addext subjectAltName=DNS:elsewhere.test -keyout $lab/elsewhere.key -outform DER \
  -out /etc/certlatch/request 2> $lab/log/openssl
chmod 0644 /etc/certlatch/request

ca_lines=()
kept_certificate() { config_certificate "$@" | sed '/^install/d'; }
configure() {  # CONTACT
  {
    config_ca | sed "s/^contact .*/contact = $1/"
    printf '%s\n' "${ca_lines[@]}"
    config_certificate example.test 'example.test www.example.test'
    kept_certificate elsewhere.test
    echo 'csr = /etc/certlatch/request'
    kept_certificate tls.test | sed 's/^challenge .*/challenge = tls-alpn-01/; s/^opening .*/opening = https/'
    kept_certificate dns.test '*.dns.test' | sed '/^opening/d; s/^challenge .*/challenge = dns-01\ndns = here/'
    kept_certificate www.test | sed "s|^opening .*|webroot = $www|"
    printf '%s\n' '[dns here]' 'provider = command' 'add = /etc/certlatch/dns set-txt' 'remove = /etc/certlatch/dns clear-txt'
  } > $config
}

expect_kept() {  # NAME HOST
  local chain=$worker_state/certificates/$1/chain.pem key=${3:-$worker_state/certificates/$1/privkey.pem}
  openssl x509 -in $chain -noout -issuer | grep -q Pebble || fail "the certificate $1 is not the CA's"
  openssl x509 -in $chain -noout -checkhost "$2" | grep -q 'does match' || fail "the certificate $1 is not for $2"
  expect_equal "the key of $1" "$(openssl pkey -in "$key" -pubout)" "$(openssl x509 -in $chain -noout -pubkey)"
}
serial_of() { openssl x509 -in "$1" -noout -serial | sed 's/serial=//' | tr 'A-F' 'a-f'; }
expect_revoked() {  # SERIAL
  outside curl --noproxy '*' -sS --fail --cacert $ca_roots --resolve ca.test:15000:$ca4 \
    "https://ca.test:15000/cert-status-by-serial/$1" > $lab/log/status
  grep -q '"Status": *"Revoked"' $lab/log/status || fail "the CA says: $(cat $lab/log/status)"
}
does() {  # WHAT COMMAND...
  run "${@:2}"
  if [ "$status" != 0 ]; then fail "$1: exit status $status; it said:"$'\n'"$said"; fi
}

everything_at() {  # WHAT
  local serial began=$SECONDS key
  ca_start
  configure admin@example.test
  does 'four certificates' certlatch renew --force example.test elsewhere.test tls.test dns.test
  expect_issued example.test
  openssl x509 -in $pairs/example.test/live/cert.pem -noout -checkhost www.example.test | grep -q 'does match' || fail 'a name is missing'
  expect_kept elsewhere.test elsewhere.test $lab/elsewhere.key
  expect_kept tls.test tls.test
  expect_kept dns.test any.dns.test
  expect_shut
  nft insert rule inet filter input tcp dport 80 accept comment web
  does 'a served directory' certlatch renew --force www.test
  nft delete rule inet filter input handle "$(nft -a list chain inet filter input | sed -n 's/.*comment "web" # handle //p')"
  expect_kept www.test www.test

  configure other@example.test
  does 'other contacts' certlatch account update
  does 'the account' certlatch account show
  expect_says 'status   valid' mailto:other@example.test
  key=$(sha256sum < $worker_state/accounts/lab/key.pem)
  does 'another key of the account' certlatch account rollover
  expect_different 'the key before and after' "$key" "$(sha256sum < $worker_state/accounts/lab/key.pem)"
  certlatch account export > $lab/account.pem
  rm -r $worker_state/accounts/lab
  chown certlatch $lab/account.pem
  does 'the key of the account, in' certlatch account import $lab/account.pem
  run certlatch renew --force --changed example.test
  expect_status 10
  expect_issued example.test
  does 'the account once more' certlatch account show
  expect_says mailto:other@example.test

  serial=$(serial_of $pairs/example.test/live/cert.pem)
  does 'revocation' certlatch revoke example.test --reason superseded
  expect_revoked "$serial"
  serial=$(serial_of $worker_state/certificates/tls.test/chain.pem)
  does 'revocation by the key' certlatch revoke tls.test --by-certificate-key
  expect_revoked "$serial"
  expect_shut
  echo "at a CA $1: $((SECONDS - began)) s"
}
ca_gone() { end $ca_pid $(processes_named pebble-challtestsrv); }

nginx_start
sed -i "s|^  access_log off;|&\n  server { listen 80; listen [::]:80; root $www; }|" /etc/nginx/nginx.conf
/usr/sbin/nginx -s reload 2> $lab/log/nginx
broker_start

ca_options=(-strict)
everything_at 'that is strict'
ca_gone
ca_options=()
ca_environment=(PEBBLE_AUTHZREUSE=100)
everything_at 'that reuses every authorization'
ca_gone
ca_environment=(PEBBLE_AUTHZREUSE=0 PEBBLE_WFE_ORDERS_PER_PAGE=1)
everything_at 'that reuses none'
ca_gone
ca_environment=(PEBBLE_WFE_NONCEREJECT=90)
everything_at 'that refuses nine nonces of ten'
ca_gone
ca_environment=(PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=1)
everything_at 'that takes its time'
ca_gone
ca_environment=(PEBBLE_CHAIN_LENGTH=3)
everything_at 'with long chains'
expect_equal 'the certificates in the chain' 4 "$(grep -c BEGIN $pairs/example.test/live/fullchain.pem)"
ca_gone

# Each run of it has roots of its own, so the one that is wanted is known to the second run only.
ca_environment=(PEBBLE_ALTERNATE_ROOTS=2)
root_name() { ca_root_certificate "$1" | openssl x509 -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p'; }
issuer() {
  awk '/BEGIN/ { text = "" } { text = text $0 "\n" } END { printf "%s", text }' $pairs/example.test/live/fullchain.pem |
    openssl x509 -noout -issuer -nameopt multiline | sed -n 's/ *commonName *= //p'
}
everything_at 'with several roots'
default=$(root_name 0) wanted=$(root_name 2)
expect_different 'two roots' "$wanted" "$default"
for root in "$wanted" "$default" "$wanted" 'No Such Root'; do
  ca_lines=("chain = $root")
  configure admin@example.test
  run certlatch renew --force example.test
  expect_status 0
  expect_issued example.test
  if [ "$root" = 'No Such Root' ]; then
    root=$default
    expect_says 'example.test: the CA has no chain to `No Such Root`' "$wanted" "$default"
  fi
  expect_equal 'the root of the chain' "$root" "$(issuer)"
done
ca_gone

ca_environment=()
secret=zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W
ca_more=',"externalAccountBindingRequired":true,"externalAccountMACKeys":{"kid-1":"'$secret'"}'
rm $lab/ca.key
install -m 0400 -o certlatch <(echo $secret) /etc/certlatch/eab
ca_lines=('eab kid = kid-1' 'eab key file = /etc/certlatch/eab')
everything_at 'that serves its customers only'
