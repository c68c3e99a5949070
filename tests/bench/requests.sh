#!/bin/bash
# SPDX-License-Identifier: MIT
# How many HTTP requests an issuance takes: certlatch beside other clients, against the same Pebble, counted by a proxy
# between them. The second figure is that of a renewal, when the account is there already; the ratio is to certlatch.
# Clients that are not installed are left out.
. "$(dirname "$(readlink -f "$0")")/../lab/lib/lab.sh"

ca_environment=(PEBBLE_WFE_NONCEREJECT=0)
ca_start
host_up
proxy_start
cat $ca_roots >> /etc/ssl/certs/ca-certificates.crt
export REQUESTS_CA_BUNDLE=$ca_roots LEGO_CA_CERTIFICATES=$ca_roots CURL_CA_BUNDLE=$ca_roots
mkdir -p $lab/www $lab/other
# The others answer for themselves, on the port that the CA asks.
nft insert rule inet filter input tcp dport 80 accept

with_certlatch() { certlatch renew --force; }
with_lego() {
  lego --server $proxy_url --accept-tos --email a@example.test --domains example.test --path $lab/other/lego \
    --http --http.port :80 "${@:-run}"
}
with_certbot() {
  certbot certonly -n --standalone --server $proxy_url --agree-tos -m a@example.test -d example.test --force-renewal \
    --config-dir $lab/other/certbot --work-dir $lab/other/certbot --logs-dir $lab/other/certbot
}
with_uacme() {
  [ -e $lab/other/uacme/private/key.pem ] || uacme -a $proxy_url -c $lab/other/uacme -y new a@example.test
  uacme -a $proxy_url -c $lab/other/uacme -f -h $lab/hook issue example.test
}
with_dehydrated() {
  local run="dehydrated --config $lab/dehydrated.conf"
  [ -e $lab/other/dehydrated/accounts ] || $run --register --accept-terms
  $run --cron --force --domain example.test
}
cat > $lab/dehydrated.conf <<CONF
CA=$proxy_url
BASEDIR=$lab/other/dehydrated
WELLKNOWN=$lab/www
KEY_ALGO=prime256v1
CONF
mkdir -p $lab/other/dehydrated
cat > $lab/hook <<'HOOK'
#!/bin/sh
[ "$1" = begin ] && [ "$2" != http-01 ] && exit 1
[ "$1" = begin ] && echo "$5" > "/run/lab/www/$4"
exit 0
HOOK
chmod +x $lab/hook

printf '%s\n' "server { listen 80; listen [::]:80; location /.well-known/acme-challenge/ { alias $lab/www/; } }" > $lab/port80
serve_www() {
  sed "s|^  access_log off;|&\n  include $lab/port80;|" /etc/nginx/nginx.conf > $lab/nginx.conf
  /usr/sbin/nginx -c $lab/nginx.conf 2>> $lab/log/nginx
}

count() {  # CLIENT: first, renewal
  local first again
  faults
  "with_$1" > "$lab/log/$1" 2>&1 < /dev/null || { echo "$1 failed:" >&2; tail -5 "$lab/log/$1" >&2; return 0; }
  first=$(grep -vc '^ORDER' $proxy_log)
  faults
  case $1 in
    lego) with_lego renew --days=999 --no-random-sleep > "$lab/log/$1" 2>&1 < /dev/null || tail -5 "$lab/log/$1" ;;
    *) "with_$1" > "$lab/log/$1" 2>&1 < /dev/null || tail -5 "$lab/log/$1" ;;
  esac
  again=$(grep -vc '^ORDER' $proxy_log)
  [ "$1" != certlatch ] || ours_first=$first ours_again=$again
  awk -v name="$1" -v a="$first" -v b="$again" -v x="$ours_first" -v y="$ours_again" \
    'BEGIN { printf "%-12s first %3d (%.2f)   renewal %3d (%.2f)\n", name, a, a / x, b, b / y }'
}

{ config_ca $proxy_url; config_certificate example.test; } > $config
count certlatch
for client in lego certbot; do
  if command -v $client > /dev/null; then count $client; fi
done
nginx_stop
serve_www
for client in uacme dehydrated; do
  if command -v $client > /dev/null; then count $client; fi
done
