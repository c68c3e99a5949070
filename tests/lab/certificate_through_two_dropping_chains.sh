#!/bin/bash
# SPDX-License-Identifier: MIT
# nftables with one and with two input chains that drop: suggest names each with its reason, the port opens through
# both, and a certificate comes through them.
. "$(dirname "$0")/lib/lab.sh"

ca_start
expect_suggests 'gate      = inet filter input    # its policy is drop'
nginx_start
write_config
broker_start
expect_opening_works
broker_stop

firewall_nftables <<'RULES'
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname "lo" accept
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport { 22, 443 } accept
  }
}
table inet blocklist {
  chain input {
    type filter hook input priority filter - 10;
    iifname "eth0" jump from_outside
  }
  chain from_outside {
    ct state established,related accept
    tcp dport { 22, 443 } accept
    meta l4proto tcp reject with tcp reset comment "no other service"
  }
}
RULES
shut_is=refused
expect_suggests 'inet filter input' 'its policy is drop' 'inet blocklist input' 'rule 3 of its chain from_outside' \
  'no other service'
broker_start
expect_opening_works
expect_renewals
