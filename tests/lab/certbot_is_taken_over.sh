#!/bin/bash
# SPDX-License-Identifier: MIT
# `certlatch import certbot` goes on where certbot stood: the same account, the same certificates, nothing due until it
# is due. Root opens the files, the worker's user owns what comes of them.
. "$(dirname "$0")/lib/lab.sh"

certbot_gets() {
  REQUESTS_CA_BUNDLE=$ca_roots certbot certonly -n --server $ca_url --agree-tos -m admin@example.test "$@" \
    > $lab/log/certbot 2>&1 < /dev/null || fail "$(cat $lab/log/certbot)"
}
ca_requests() { grep -c ' POST /\| GET /' $lab/log/ca || true; }
as_root() { env -i PATH=/usr/bin:/bin $bin/certlatch "$@"; }

ca_environment=(PEBBLE_WFE_NONCEREJECT=0)  # certbot 2.1 ends at the second refused nonce in a row
ca_start
nft insert rule inet filter input tcp dport 80 accept
certbot_gets --standalone -d example.test -d www.example.test --key-type ecdsa --deploy-hook 'systemctl reload nginx.service'
printf '%s\n' '#!/bin/sh' 'cat' > /usr/local/bin/tell
chmod 0755 /usr/local/bin/tell
install -d -m 0755 /var/lib/www
python3 -m http.server 80 --bind :: --directory /var/lib/www > $lab/log/www 2>&1 &
www=$!
wait_until 'the web server to listen' "$door" probe 127.0.0.1 80
many=$(for i in {1..22}; do echo "-d a-rather-long-name-$i.shop.test"; done)
certbot_gets --webroot -w /var/lib/www -d shop.test -d www.shop.test $many --key-type rsa --rsa-key-size 3072 \
  --deploy-hook '/usr/local/bin/tell shop | logger'
end $www

write_policy :8080 'inet filter input' example.test shop.test
sed -i 's/^names     = shop.test .*/& *.shop.test/' $policy
config_ca > $config
nginx_start example.test shop.test
broker_start

run certlatch import certbot
expect_status 1
expect_says 'sudo certlatch import certbot'

run as_root import certbot --dry-run
expect_status 0
expect_says 'example.test: would be taken over' 'Nothing was changed.' 'To be added to'
expect_equal 'what a dry run leaves' '' "$(ls $worker_state/accounts $worker_state/certificates | grep -v :)"

run as_root import certbot --configure
expect_status 0
expect_says 'ca lab: the account is taken over, https://ca.test:14000/my-account/' 'example.test: taken over; valid until' \
  'shop.test: taken over' "Added to $config" 'names     = example.test www.example.test' 'webroot   = /var/lib/www' \
  'key       = rsa-3072' '# deployed = /usr/local/bin/tell shop | logger' 'sudo install -d -o certlatch /var/lib/www'
if grep -q '^\[install' $said_file; then fail 'it proposes what the policy has'; fi
run certlatch list
expect_says a-rather-long-name-1.shop.test a-rather-long-name-22.shop.test
expect_equal 'files that are not the worker'"'"'s' '' "$(find $worker_state ! -user certlatch)"
expect_equal 'files that others may read' '' "$(find $worker_state -perm /077)"
run as_root import certbot
expect_status 0
expect_says 'was taken over before'

# Nothing is asked of the CA, but what it has is installed and loaded.
before=$(ca_requests)
run certlatch renew
expect_status 0
expect_says 'example.test: installed as example.test, version 1' 'shop.test: installed as shop.test, version 1' 'nginx: restarted'
for name in example.test shop.test; do
  for file in privkey fullchain; do
    expect_equal "$name's $file" "$(openssl "$([ $file = privkey ] && echo pkey || echo x509)" -in /etc/letsencrypt/live/$name/$file.pem)" \
      "$(openssl "$([ $file = privkey ] && echo pkey || echo x509)" -in $pairs/$name/live/$file.pem)"
  done
  expect_issued $name
done
run certlatch renew
expect_silent
if [ $(($(ca_requests) - before)) -gt 1 ]; then fail 'the CA was asked for something'; fi
expect_equal 'keys that are left' '' "$(find $worker_state -name privkey.pem)"

# From now on it is certlatch's: with another key, and the same account.
nft delete rule inet filter input handle "$(nft -a list chain inet filter input | sed -n 's/.*tcp dport 80 accept # handle //p')"
install -d -o certlatch /var/lib/www/.well-known/acme-challenge
sed -i 's/^webroot .*/opening   = http/' $config
run certlatch renew --force
expect_status 0
expect_says 'example.test: certificate issued' 'shop.test: certificate issued'
if cmp -s /etc/letsencrypt/live/example.test/privkey.pem $pairs/example.test/live/privkey.pem; then fail 'the key is the old one'; fi
openssl x509 -in $pairs/shop.test/live/cert.pem -noout -text | grep -q '(3072 bit)' || fail 'not the type of key that it had'
url=$(sed -n 's/.*"uri": "\([^"]*\)".*/\1/p' /etc/letsencrypt/accounts/ca.test:14000/dir/*/regr.json)
expect_equal "the account's URL" "url $url" "$(cat $worker_state/accounts/lab/account)"
run certlatch account show
expect_says "$url"
expect_equal 'accounts that the CA has made' 1 "$(grep -c 'now has .* accounts\|There are now .* accounts' $lab/log/ca)"

# What is kept is replaced only when that is asked for.
run as_root import certbot
expect_status 1
expect_says 'example.test: another certificate is kept already' '--replace'
run as_root import certbot --only shop.test --replace
expect_status 0
expect_says 'shop.test: taken over'

run certlatch doctor --no-opening
expect_says 'renews example.test as well'

# A copy is as good, wherever it lies; what leads out of it is not followed, and a foreign key is not taken.
cp -a /etc/letsencrypt /var/lib/copy
install -d -m 0700 -o certlatch -g certlatch /var/lib/other
ln -sf /etc/shadow /var/lib/copy/live/example.test/privkey.pem
ln -sf /etc/letsencrypt/archive/example.test/privkey1.pem /var/lib/copy/live/shop.test/privkey.pem
run as_root import certbot /var/lib/copy --state /var/lib/other
expect_status 1
expect_says 'example.test: /var/lib/copy/live/example.test/privkey.pem: a link leads out of the directory' \
  'shop.test: the private key is not that of the certificate'

# A plugin for the DNS becomes the provider that does the same. Its credentials are not opened; the command that is printed
# puts the secret where it is wanted. What is proposed for the policy is accepted.
sed -i 's/^authenticator = .*/authenticator = dns-cloudflare/' /etc/letsencrypt/renewal/*.conf
echo 'dns_cloudflare_credentials = /root/cloudflare.ini' >> $lab/credentials
sed -i "/^authenticator/r $lab/credentials" /etc/letsencrypt/renewal/*.conf
printf '%s\n' '# a comment' 'dns_cloudflare_api_token = s3cret-token' > $lab/cloudflare.ini
broker_stop
rm -r /var/lib/other $config
install -d -m 0700 -o certlatch -g certlatch /var/lib/other
run as_root import certbot --state /var/lib/other --configure
expect_says 'provider   = cloudflare' 'token file = /etc/certlatch/cloudflare' 'dns       = cloudflare'
copy=$(sed -n 's/.*alone in a file: //p' $said_file)
if grep -q s3cret $said_file; then fail 'the token is printed'; fi
{ policy_head; sed -n '/^\[install/,/^To be looked at/p' $said_file | grep -v '^To be'; } > $lab/policy
run $bin/certlatch-policy check --policy $lab/policy
expect_status 0
run $bin/certlatch-policy ask 'install shop.test' --policy $lab/policy
expect_says a-rather-long-name-1.shop.test a-rather-long-name-22.shop.test
run certlatch list --state /var/lib/other
expect_says a-rather-long-name-22.shop.test
eval "$(sed "s|sudo ||g; s|/root/cloudflare.ini|$lab/cloudflare.ini|" <<< "$copy")"
expect_equal 'the token' 's3cret-token' "$(cat /etc/certlatch/cloudflare)"
expect_equal 'its owner and mode' 'certlatch 400' "$(stat -c '%U %a' /etc/certlatch/cloudflare)"

rm -r /var/lib/other
run as_root import certbot --state /var/lib/other
expect_status 1
expect_says 'does not exist: make that user and its directory first'
