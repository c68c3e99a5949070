#!/bin/bash
# SPDX-License-Identifier: MIT
# Orders that are under way at once share one connection where the CA speaks HTTP/2, and take no more than `parallel`
# of them where it does not.
. "$(dirname "$0")/lib/lab.sh"

count=12
names=$(seq -f 'n%g.example.test' $count)
ca_start
host_up
policy_names=$(echo $names)
{ policy_head; policy_open; } > $policy
broker_stop
broker_start
mkdir -p $lab/front
front() {  # HTTP2
  cat > $lab/front/nginx.conf <<CONF
user root;
worker_processes 1;
daemon on;
pid $lab/front/pid;
error_log $lab/front/error;
events { worker_connections 256; }
http {
  log_format connections '\$connection \$server_protocol';
  access_log $lab/front/access connections;
  keepalive_requests 10000;
  server {
    listen $ca4:14003 ssl $1;
    ssl_certificate $ca_roots;
    ssl_certificate_key $lab/ca.key;
    location / {
      proxy_pass https://$ca4:14000;
      proxy_set_header Host \$http_host;
    }
  }
}
CONF
  : > $lab/front/access
  "${outside_command[@]}" /usr/sbin/nginx -c $lab/front/nginx.conf 2> $lab/log/front < /dev/null
  wait_until 'the front to listen' outside "$door" probe $ca4 14003
}
certificates() {
  config_ca https://ca.test:14003/dir
  local name
  for name in $names; do config_certificate $name | sed '/^install/d'; done
}
connections() { cut -d' ' -f1 $lab/front/access | sort -u | wc -l; }

certificates > $config
front http2
run certlatch renew
expect_status 0
expect_equal 'certificates' $count "$(find $worker_state/certificates -name chain.pem | wc -l)"
grep -q 'HTTP/2' $lab/front/access || fail 'HTTP/2 was not spoken'
expect_equal 'connections by HTTP/2' 1 "$(connections)"
kill "$(cat $lab/front/pid)"
front_is_gone() { [ ! -e $lab/front/pid ]; }
wait_until 'the front to end' front_is_gone

for parallel in 3 8; do
  { printf '%s\n' '[worker]' "parallel = $parallel"; certificates; } > $config
  front ''
  run certlatch renew --force
  expect_status 0
  if grep -q 'HTTP/2' $lab/front/access; then fail 'HTTP/2 was spoken'; fi
  [ "$(connections)" -le $parallel ] || fail "$(connections) connections where $parallel are allowed"
  kill "$(cat $lab/front/pid)"
  wait_until 'the front to end' front_is_gone
done
expect_shut
