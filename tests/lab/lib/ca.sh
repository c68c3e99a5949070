# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The CA outside: Debian's Pebble, with a DNS server that leads every name to the host.
#
# ca_url is its directory, ca_roots the file with the certificate that its HTTPS stands on. Names below
# `blocked.test` are refused by its policy.

ca_url=https://ca.test:14000/dir
ca_roots=/etc/ssl/certs/lab-ca.pem
ca_pid=

# self_signed KEY CERTIFICATE NAME...: a pair that only who is told to will trust.
self_signed() {
  local key=$1 certificate=$2 names
  shift 2
  names=$(printf ',%s' "$@")
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=lab \
    -addext "subjectAltName=${names:1}" -keyout "$key" -out "$certificate" 2> $lab/log/openssl || {
    cat $lab/log/openssl >&2
    return 1
  }
}

# Variables that a test may set before: ca_validity_seconds; ca_more, further members of Pebble's configuration, each
# with a comma before it; ca_environment, variables that make Pebble what it is not by default; ca_options.
ca_environment=()
ca_options=()

# ca_start [ADDRESSES]: `both` (the default), `ipv4` or `ipv6`: what the CA's resolver answers for every name.
ca_start() {
  local ipv4=$host4 ipv6=$host6
  case ${1:-both} in
    ipv4) ipv6= ;;
    ipv6) ipv4= ;;
  esac
  if [ ! -e $lab/ca.key ]; then
    self_signed $lab/ca.key $ca_roots DNS:ca.test IP:$ca4
    cat > $lab/pebble.json <<JSON
{ "pebble": {
    "listenAddress": "$ca4:14000", "managementListenAddress": "$ca4:15000",
    "certificate": "$ca_roots", "privateKey": "$lab/ca.key",
    "httpPort": 80, "tlsPort": 443,
    "domainBlocklist": ["blocked.test"],
    "certificateValidityPeriod": ${ca_validity_seconds:-7776000}${ca_more:-} } }
JSON
  fi
  "${outside_command[@]}" pebble-challtestsrv -dns01 $ca4:8053 -http01 '' -https01 '' -tlsalpn01 '' -management $ca4:8055 \
    -defaultIPv4 "$ipv4" -defaultIPv6 "$ipv6" > $lab/log/dns 2>&1 < /dev/null &
  # Nonces are refused at Pebble's own rate, 5 %: a client that does not try again fails now and then. A valid
  # authorization is not used again, so that an issuance needs its challenge; but see run_challenged.
  env PEBBLE_VA_NOSLEEP=1 PEBBLE_AUTHZREUSE=0 "${ca_environment[@]}" "${outside_command[@]}" pebble "${ca_options[@]}" -config $lab/pebble.json -dnsserver ${ca_dns:-$ca4:8053} \
    > $lab/log/ca 2>&1 < /dev/null &
  ca_pid=$!
  wait_until 'the CA to listen' outside "$door" probe $ca4 14000
  wait_until 'the CA management port to listen' outside "$door" probe $ca4 15000
}

# run_challenged COMMAND...: `run`, for a run that must not get its certificate without a challenge. Told to reuse none,
# Pebble 2.4.0 reuses a valid authorization in one of a hundred orders all the same; then it is run again.
run_challenged() {
  local made
  for _ in 1 2 3 4 5; do
    made=$(authorizations_made)
    run "$@"
    if [ "$status" != 0 ] || [ "$(authorizations_made)" != "$made" ]; then return 0; fi
  done
}
authorizations_made() { grep -c 'authorizations in the db' $lab/log/ca || true; }

# ca_resolves IPV4 IPV6: what the CA's resolver answers from now on; either may be empty.
ca_resolves() {
  local number=4 address
  for address in "$1" "$2"; do
    outside curl --noproxy '*' -sS --fail -d "{\"ip\":\"$address\"}" http://$ca4:8055/set-default-ipv$number
    number=6
  done
}

ca_stop() {
  end $ca_pid
}

# ca_root_certificate [NUMBER]: a root that Pebble made for this run: what its certificates lead to.
ca_root_certificate() {
  outside curl --noproxy '*' -sS --fail --cacert $ca_roots --resolve ca.test:15000:$ca4 https://ca.test:15000/roots/"${1:-0}"
}

# The CA's own look never arrives, so that a lease of the worker's lasts for some seconds; tests and visitors use other
# addresses of the host, host4 and host6 from now on.
ca_looks_away() {
  outside nft -f - <<RULES
table inet slow {
  chain output {
    type filter hook output priority 0
    ip daddr $host4 tcp dport 80 drop
    ip6 daddr $host6 tcp dport 80 drop
  }
}
RULES
  host4=10.77.0.12 host6=fd77::12
  ip address add $host4/24 dev eth0
  ip address add $host6/64 dev eth0 nodad
}
ca_looks_again() { outside nft delete table inet slow; }
