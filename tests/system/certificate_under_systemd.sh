#!/bin/bash
# SPDX-License-Identifier: MIT
# The installed programs and units under a real systemd: the socket starts the broker, the service runs the worker,
# nginx.service is checked in a unit of its own and reloaded by systemctl, and the broker leaves when idle. What a
# configuration lets the worker write itself, it may write from its unit: challenges in a webroot, metrics, what a
# command leaves.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
build=${CERTLATCH_BUILD:-build/release}
box=$PWD/tests/system/box.sh
work=$(mktemp -d)
dir=$work/box
clean_up() {
  local status=$?
  if [ $status != 0 ] && [ -e "$dir/pid" ]; then
    "$box" run "$dir" journalctl --no-pager -n 60 -u 'certlatch*' -u 'nginx*' -u ca -u dns >&2 || :
  fi
  [ ! -d "$dir" ] || "$box" down "$dir"
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
in_box() { "$box" run "$dir" "$@"; }

# What docs/operations.md shows for nginx is tried here with the units that it names.
lab_tree=$PWD
. tests/lab/lib/recipe.sh

cmake --install "$build" --prefix "$work/stage/usr" > "$work/install.log"
BOX_BIND=$work/stage BOX_SECONDS=120 "$box" up "$dir"

in_box bash -euc '
  cp -a "$1"/usr/. /usr/
  systemctl daemon-reload
  for user in certlatch:881:/var/lib/certlatch certlatch-broker:882:/nonexistent; do
    IFS=: read -r name id home <<< "$user"
    sed -i "/^$name:/d" /etc/passwd /etc/group
    echo "$name:x:$id:$id::$home:/usr/sbin/nologin" >> /etc/passwd
    echo "$name:x:$id:" >> /etc/group
  done
  grep -q ^ssl-cert: /etc/group || echo ssl-cert:x:883: >> /etc/group
  rm -rf /etc/certlatch /etc/ssl/certlatch /var/lib/certlatch* /var/log/certlatch
  mkdir -p /etc/certlatch /etc/ssl/certlatch /var/log/certlatch

  ip netns add outside
  ip link add eth0 type veth peer name wire netns outside
  ip address add 10.77.0.2/24 dev eth0
  ip link set eth0 up
  ip -n outside address add 10.77.0.1/24 dev wire
  ip -n outside link set wire up
  ip -n outside link set lo up
  echo "10.77.0.1 ca.test" >> /etc/hosts
  printf "%s\n" "table inet filter {" "  chain input {" "    type filter hook input priority filter; policy drop;" \
    "    iifname lo accept" "    ct state established,related accept" "    tcp dport 443 accept" "  }" "}" | nft -f -

  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=ca -addext subjectAltName=DNS:ca.test \
    -keyout /run/ca.key -out /etc/ssl/certs/lab-ca.pem 2> /dev/null
  cat > /run/pebble.json <<JSON
{ "pebble": { "listenAddress": "10.77.0.1:14000", "managementListenAddress": "10.77.0.1:15000",
  "certificate": "/etc/ssl/certs/lab-ca.pem", "privateKey": "/run/ca.key", "httpPort": 80, "tlsPort": 443 } }
JSON
  outside="systemd-run --quiet --collect -p NetworkNamespacePath=/run/netns/outside"
  $outside --unit dns pebble-challtestsrv -dns01 10.77.0.1:8053 -http01 "" -https01 "" -tlsalpn01 "" \
    -management 10.77.0.1:8055 -defaultIPv4 10.77.0.2 -defaultIPv6 ""
  $outside --unit ca -E PEBBLE_VA_NOSLEEP=1 pebble -config /run/pebble.json -dnsserver 10.77.0.1:8053
  # Units of a program alone count as started before it listens.
  for port in 8055 14000; do
    for ((tries = 0; tries < 200; ++tries)); do
      (: < /dev/tcp/10.77.0.1/$port) 2> /dev/null && break
      sleep 0.05
    done
  done

  d=/etc/ssl/certlatch/example.test
  install -d -o certlatch-broker -g certlatch-broker $d $d/0
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=example.test \
    -keyout $d/0/privkey.pem -out $d/0/fullchain.pem 2> /dev/null
  ln -s 0 $d/live
  printf "%s\n" "pid /run/nginx.pid;" "events { }" "http { access_log off; server { listen 443 ssl; return 200 hello;" \
    "  $3 } }" > /etc/nginx/nginx.conf
  systemctl start nginx.service

  cat > /etc/certlatch/policy.conf <<POLICY
[broker]
worker    = certlatch
audit     = /var/log/certlatch/audit.log
[open http]
port      = 80
to        = :8080
interface = eth0
gate      = inet filter input
at most   = 1m
$2
POLICY
  cat > /etc/certlatch/certlatch.conf <<CONFIG
[ca lab]
directory = https://ca.test:14000/dir
contact   = admin@example.test
agree     = yes
roots     = /etc/ssl/certs/lab-ca.pem
[certificate example.test]
names     = example.test
ca        = lab
challenge = http-01
opening   = http
install   = example.test
CONFIG
  mkdir -p /etc/systemd/system/certlatchd.service.d
  printf "%s\n" "[Service]" "ExecStart=" "ExecStart=/usr/libexec/certlatch/certlatchd --idle 2" \
    > /etc/systemd/system/certlatchd.service.d/idle.conf
  systemctl start certlatchd.socket certlatch.timer
' prepare "$work/stage" "$(recipe_lines nginx policy.conf)" "$(recipe_lines nginx nginx.conf)" > "$work/prepare.log" 2>&1 || { cat "$work/prepare.log" >&2; fail 'the box could not be prepared'; }

served() {
  in_box ip netns exec outside openssl s_client -connect 10.77.0.2:443 -servername example.test < /dev/null 2> /dev/null |
    openssl x509 -noout -issuer
}

in_box systemd-analyze verify --man=no /usr/lib/systemd/system/certlatch{d.service,d.socket,.service,.timer} ||
  fail 'systemd finds fault with the units'
in_box systemctl is-active --quiet certlatchd.service && fail 'the broker runs before anyone asked for it'
in_box systemctl start certlatch.service || fail 'the worker did not succeed'
for ((tries = 0; tries < 50; ++tries)); do
  case $(served) in *Pebble*) break ;; esac
  sleep 0.1
done
case $(served) in *Pebble*) ;; *) fail "nginx serves: $(served)" ;; esac
in_box journalctl --no-pager -u certlatchd.service | grep -q 'service nginx.*outcome=done' ||
  fail 'the journal has no line of the reload'
in_box journalctl --no-pager -u nginx.service | grep -q 'Reloaded' || fail 'nginx.service was not reloaded by systemd'

for ((tries = 0; tries < 80; ++tries)); do
  in_box systemctl is-active --quiet certlatchd.service || break
  sleep 0.1
done
in_box systemctl is-active --quiet certlatchd.service && fail 'the broker did not leave when idle'
in_box systemctl is-failed --quiet certlatchd.service && fail 'the idle broker counts as failed'
in_box systemctl start certlatch.service || fail 'a second run, with nothing to do, did not succeed'
in_box systemctl is-active --quiet certlatchd.service && fail 'a run with nothing to do woke the broker'

# The places belong to the worker's user, as docs/operations.md says; the unit must not stand in the way.
in_box bash -euc '
  install -d -m 0755 /var/www/html /srv/told
  install -d -m 0755 -o certlatch /var/www/html/.well-known /var/lib/metrics /srv/told
  printf "%s\n" "#!/bin/sh" "echo told > /srv/told/hook" > /usr/local/bin/tell
  chmod 0755 /usr/local/bin/tell
  sed -i "s|^http { |&server { listen 80; root /var/www/html; } |" /etc/nginx/nginx.conf
  systemctl reload nginx.service
  nft insert rule inet filter input tcp dport 80 accept
  cat >> /etc/certlatch/certlatch.conf <<CONFIG
[worker]
metrics   = /var/lib/metrics/certlatch.prom
[certificate www.test]
names     = www.test
ca        = lab
webroot   = /var/www/html
deployed  = /usr/local/bin/tell
CONFIG
' || fail 'the second certificate could not be prepared'
in_box systemctl start certlatch.service || fail 'a run with a webroot, metrics and a command did not succeed'
in_box test -s /var/lib/certlatch/certificates/www.test/chain.pem || fail 'there is no certificate by the webroot'
in_box grep -q 'certificate="www.test"' /var/lib/metrics/certlatch.prom || fail 'there are no metrics'
in_box test -s /srv/told/hook || fail 'the command could not leave anything'
echo "systemd-analyze security: $(in_box systemd-analyze security --no-pager certlatchd.service | tail -n 1)"
