# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The host: its users, its web server, the broker and the worker with their files, as an admin would set them up.

policy=/etc/certlatch/policy.conf
config=/etc/certlatch/certlatch.conf
socket=/run/certlatch/broker.sock
audit=/var/log/certlatch/audit.log
worker_state=/var/lib/certlatch
broker_state=/var/lib/certlatch-broker
pairs=/etc/ssl/certlatch

add_user() {  # NAME ID HOME
  sed -i "/^$1:/d" /etc/passwd /etc/group /etc/shadow
  echo "$1:x:$2:$2::$3:/usr/sbin/nologin" >> /etc/passwd
  echo "$1:x:$2:" >> /etc/group
  echo "$1:*:19000:0:99999:7:::" >> /etc/shadow
}

host_users() {
  add_user certlatch 871 $worker_state
  add_user certlatch-broker 872 /nonexistent
  if ! grep -q '^ssl-cert:' /etc/group; then echo 'ssl-cert:x:873:' >> /etc/group; fi
  rm -rf /etc/certlatch $pairs
  install -d -m 0755 /etc/certlatch $pairs
  install -d -m 0700 -o certlatch -g certlatch $worker_state
  install -d -m 0700 -o certlatch-broker -g certlatch-broker $broker_state
  install -d -m 0750 /var/log/certlatch
}

# Nothing in the environment, no terminal, no capability now or ever: what cron would give it, and less.
as_worker_command=(setpriv --reuid certlatch --regid certlatch --init-groups --no-new-privs --bounding-set -all
  --inh-caps -all env -i PATH=/usr/bin:/bin HOME=$worker_state)
as_worker() { "${as_worker_command[@]}" "$@"; }

certlatch() { as_worker $bin/certlatch "$@"; }

# nginx_start [NAME...]: nginx serves each name's pair from the place where the broker will install the new one.
# Until then that is an old, self-signed one, put there as version 0.
nginx_start() {
  local name
  mkdir -p /var/log/nginx /var/lib/nginx
  [ $# -gt 0 ] || set -- example.test
  {
    printf '%s\n' 'user www-data;' 'worker_processes 1;' 'pid /run/nginx.pid;' 'error_log /var/log/nginx/error.log;' \
      'events { worker_connections 64; }' 'http {' '  access_log off;'
    for name in "$@"; do
      printf '  server { listen 443 ssl; listen [::]:443 ssl; server_name %s;\n' "$name"
      printf '    ssl_certificate %s/%s/live/fullchain.pem;\n' $pairs "$name"
      printf '    ssl_certificate_key %s/%s/live/privkey.pem;\n' $pairs "$name"
      printf '    return 200 "hello from %s\\n"; }\n' "$name"
    done
    echo '}'
  } > /etc/nginx/nginx.conf
  for name in "$@"; do old_pair "$name"; done
  /usr/sbin/nginx 2> $lab/log/nginx < /dev/null || { cat $lab/log/nginx >&2; return 1; }
  wait_until 'nginx to listen' outside "$door" probe $host4 443
}

nginx_stop() {
  /usr/sbin/nginx -s stop 2> $lab/log/nginx
  wait_until 'nginx to end' nginx_has_ended
}
nginx_has_ended() { [ ! -e /run/nginx.pid ]; }

old_pair() {
  install -d -m 0755 -o certlatch-broker -g certlatch-broker "$pairs/$1" "$pairs/$1/0"
  self_signed "$pairs/$1/0/privkey.pem" "$pairs/$1/0/fullchain.pem" "DNS:$1"
  ln -s 0 "$pairs/$1/live"
}

# ---- the files; each prints to standard output, so that a test can change what it is about

policy_head() {
  printf '%s\n' '[broker]' 'worker = certlatch' "audit  = $audit"
}

policy_open() {  # TO [GATE]
  printf '%s\n' '' '[open http]' 'port      = 80' "to        = ${1:-:8080}" 'interface = eth0' \
    "gate      = ${2:-inet filter input}" 'at most   = 1m'
}

policy_install() {  # NAME
  printf '%s\n' '' "[install $1]" "names     = $1 www.$1" "directory = $pairs/$1" 'owner     = root:ssl-cert' \
    'mode      = 0640' 'services  = nginx'
}

policy_nginx() {
  printf '%s\n' '' '[service nginx]' 'command = /usr/sbin/nginx -s reload' 'check   = /usr/sbin/nginx -t'
}

# write_policy [TO [GATE [NAME...]]]
write_policy() {
  local to=${1:-:8080} gate=${2:-inet filter input} name
  shift $(($# < 2 ? $# : 2))
  [ $# -gt 0 ] || set -- example.test
  {
    policy_head
    policy_open "$to" "$gate"
    for name in "$@"; do policy_install "$name"; done
    policy_nginx
  } > $policy
}

config_ca() {
  printf '%s\n' '[ca lab]' "directory = ${1:-$ca_url}" 'contact   = admin@example.test' 'agree     = yes' \
    "roots     = $ca_roots"
}

config_certificate() {  # NAME [NAMES]
  printf '%s\n' '' "[certificate $1]" "names     = ${2:-$1}" 'ca        = lab' 'challenge = http-01' \
    'opening   = http' "install   = $1"
}

# write_config [NAME...]
write_config() {
  local name
  [ $# -gt 0 ] || set -- example.test
  {
    config_ca
    for name in "$@"; do config_certificate "$name"; done
  } > $config
}

# ---- the broker

broker_pid=
broker_log=$lab/log/broker

broker_command=($bin/certlatchd --policy $policy --socket $socket --state $broker_state --run /run/certlatch --foreground)

broker_start() {
  : > $broker_log
  "${broker_command[@]}" > $broker_log 2>&1 < /dev/null &
  broker_pid=$!
  # Listening is not enough: only a broker that says so has undone what an earlier one left.
  wait_until 'the broker to serve or to end' broker_serves_or_ended
  if ! broker_serves; then fail 'the broker did not start'; fi
}
broker_serves() { grep -q 'what="broker" outcome=started' $broker_log; }
broker_serves_or_ended() { broker_serves || ! kill -0 $broker_pid; }

broker_stop() {
  kill -TERM $broker_pid
  wait $broker_pid || true
}

broker_kill() {
  end $broker_pid
}

# host_up [TO [GATE]]: users, nginx with an old pair, policy, configuration, broker.
host_up() {
  write_policy "$@"
  write_config
  nginx_start
  broker_start
}

host_users
