# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The lab of a comparison: one Pebble for all, which refuses no nonce and does not sleep, and which every client trusts by
# the system's store, as it would a public CA.
export CERTLATCH_LAB_SECONDS=${CERTLATCH_LAB_SECONDS:-7200}
export CERTLATCH_BUILD=${CERTLATCH_BUILD:-$(dirname "$(readlink -f "$0")")/../../build/release}
# The lab has no list of packages.
bench_versions=${bench_versions-$(dpkg-query -W -f '${Package} ${Version}\n' certbot lego uacme dehydrated 2> /dev/null || true)}
export bench_versions
. "$(dirname "$(readlink -f "$0")")/../lab/lib/lab.sh"
bench=$lab_tree/tests/bench
. "$bench/lib/wire.sh"

ca_environment=(PEBBLE_WFE_NONCEREJECT=0)
ca_start
cat $ca_roots >> /etc/ssl/certs/ca-certificates.crt
ln -s $ca_roots "/etc/ssl/certs/$(openssl x509 -in $ca_roots -noout -hash).0"

mkdir -p $lab/www/.well-known/acme-challenge /var/log/nginx /var/lib/nginx
printf '%s\n' 'user www-data;' 'worker_processes 1;' 'pid /run/nginx80.pid;' 'error_log /var/log/nginx/error80.log;' \
  'events { worker_connections 64; }' 'http {' '  access_log off;' "  server { listen 80; listen [::]:80; root $lab/www; }" '}' \
  > $lab/nginx80.conf

# With BENCH_RESULTS the figures are added to that file, and the table is left to who named it. Before them: where and when.
export bench_results=${BENCH_RESULTS:-$lab/results}
export bench_ca=$ca_url bench_ca_log=$lab/log/ca bench_socket=$socket bench_user=871 \
  bench_program=$bin/certlatch bench_broker="${broker_command[*]}" \
  bench_configs=certlatch=$config bench_clients="${BENCH_CLIENTS-certbot lego uacme dehydrated}"
if [ ! -s $bench_results ]; then /usr/bin/python3 "$bench/circumstances.py" > $bench_results; fi
print_table() { [ -n "${BENCH_RESULTS:-}" ] || /usr/bin/python3 "$bench/table.py" $bench_results; }

# host_with NAME...: a certificate under each name, all served by one nginx; nothing is issued yet.
host_with() {
  rm -rf $worker_state/* $broker_state/* "${pairs:?}"/*
  write_policy :8080 'inet filter input' "$@"
  write_config "$@"
  # By the system's roots, as the others; and the same names are asked for again and again.
  sed -i 's/^roots .*/orders per hour = none\nsame names per week = none/' $config
  nginx_start "$@"
}

site_names() { for ((i = 0; i < $1; ++i)); do echo site$i.test; done; }
