# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Knot, outside: a real name server for the zone example.test, whose records are changed by RFC 2136, and which the CA
# asks. For whoever sources this after lab.sh.

name_server_start() {  # before ca_start; name_server_pid is its process
  local secret
  secret=$(openssl rand -base64 32)
  mkdir -p $lab/knot
  cat > $lab/knot/knot.conf <<CONF
server:
    rundir: $lab/knot
    listen: $ca4@5353
database:
    storage: $lab/knot
key:
  - id: certlatch
    algorithm: hmac-sha256
    secret: $secret
acl:
  - id: worker
    key: certlatch
    action: update
    update-type: [TXT]
zone:
  - domain: example.test
    file: $lab/knot/example.test.zone
    storage: $lab/knot
    acl: worker
log:
  - target: stderr
    any: info
CONF
  printf '%s\n' '@ 60 SOA ns hostmaster 1 60 60 3600 60' '@ 60 NS ns' "ns 60 A $ca4" "@ 60 A $host4" \
    '_acme-challenge 60 TXT "another client"' > $lab/knot/example.test.zone
  "${outside_command[@]}" knotd -c $lab/knot/knot.conf > $lab/log/knot 2>&1 < /dev/null &
  name_server_pid=$!
  wait_until 'the name server to listen' outside "$door" probe $ca4 5353
  ca_dns=$ca4:5353
  install -m 0400 -o certlatch <(echo "$secret") /etc/certlatch/tsig
}

# config_by_update NAMES [KEY NAME]: a certificate for them, by records in its zone.
config_by_update() {
  config_certificate example.test "$1" | sed '/^opening/d; s/^challenge .*/challenge = dns-01\ndns = here/'
  config_dns_here "${2:-certlatch}"
}
config_dns_here() {
  printf '%s\n' '' '[dns here]' 'provider = rfc2136' "server = $ca4" 'port = 5353' 'zone = example.test' \
    "key name = $1" 'key file = /etc/certlatch/tsig'
}
