# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The firewalls that people run, each in the place of the lab's own, and what must hold on every one of them.

# What port 80 is like without an opening: a firewall drops, a host without one refuses.
shut_is=dropped

firewall_none() {
  nft flush ruleset
  shut_is=refused
}

# nft's text on standard input, whole.
firewall_nftables() {
  { echo 'flush ruleset'; cat; } > $lab/nftables.conf
  nft -f $lab/nftables.conf
}

firewall_iptables() {
  local program
  nft flush ruleset
  for program in iptables ip6tables; do
    $program -A INPUT -i lo -j ACCEPT
    $program -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    $program -A INPUT -m conntrack --ctstate INVALID -j DROP
    $program -A INPUT -p tcp -m multiport --dports 22,443 -j ACCEPT
    $program -P INPUT DROP
  done
  iptables -A INPUT -p icmp -j ACCEPT
  ip6tables -A INPUT -p ipv6-icmp -j ACCEPT
}

# The package's own files, in the lab's private /etc.
firewall_ufw() {
  nft flush ruleset
  {
    ufw --force reset
    ufw allow 22,443/tcp
    ufw --force enable
  } > $lab/log/ufw 2>&1 || { cat $lab/log/ufw >&2; return 1; }
}

# As `certlatch-policy suggest` tells to: its lines above the line COMMIT of each file, and a reload.
ufw_gate() {
  local file
  for file in before.rules before6.rules; do
    grep -A 1 "in /etc/ufw/$file," $policy | sed -n '2s/^# *//p' > $lab/gate
    test -s $lab/gate
    sed -i -e "/^COMMIT/{
      e cat $lab/gate
    }" /etc/ufw/$file
  done
  ufw reload > $lab/log/ufw
}

# The daemon itself, with a bus of its own.
firewall_firewalld() {
  nft flush ruleset
  mkdir -p /run/dbus
  dbus-daemon --system --nopidfile --nosyslog --fork
  firewalld --nofork --nopid > $lab/log/firewalld 2>&1 < /dev/null &
  wait_until 'firewalld to run' firewall-cmd --state
  firewall-cmd -q --add-service=https
  firewall-cmd -q --runtime-to-permanent
}

# suggest_policy: what `suggest` proposes becomes the [open] section of the policy. Sets `status` and `said`, as `run` does.
suggest_policy() {
  status=0
  said=$($bin/certlatch-policy suggest 2> $lab/log/suggest) || status=$?
  {
    policy_head
    printf '%s\n' "$said"
    policy_install example.test
    policy_nginx
  } > $policy
  $bin/certlatch-policy check > $lab/log/check 2>&1 || fail "suggest proposed what check refuses: $(cat $lab/log/check)"
}

# expect_suggests TEXT...: exit status 0, and each occurs.
expect_suggests() {
  suggest_policy
  expect_status 0
  expect_says "$@"
}

expect_port_80() {  # STATE
  local family
  for family in 4 6; do expect_equal "port 80 over IPv$family" "$1" "$(port 80 $family 300)"; done
}

# The policy's opening, whatever firewall is there: open for a lease and no longer, over IPv4 and IPv6, its high port
# never, and the ruleset is the one from before.
expect_opening_works() {
  local before
  before=$(firewall_state)
  expect_port_80 $shut_is
  $bin/certlatch-policy --policy $policy check --ruleset > $lab/log/check 2>&1 ||
    fail "check --ruleset says that it cannot work: $(cat $lab/log/check)"
  hold_lease
  expect_port_80 open
  if [ $shut_is = dropped ]; then expect_equal 'the high port by itself' dropped "$(port 8080 4 300)"; fi
  end $holder_pid
  wait_until 'the ruleset from before' firewall_is "$before"
  end $listener_pid
  expect_port_80 $shut_is
}

# Without packet counters, which a few of the firewalls have.
firewall_state() { nft list ruleset 2> /dev/null | sed -E 's/counter packets [0-9]+ bytes [0-9]+/counter/'; }
no_lease_table() { ! nft list table inet certlatch > /dev/null 2>&1; }
firewall_is() { [ "$(firewall_state)" = "$1" ]; }

# A certificate over IPv4, then one over IPv6.
expect_renewals() {
  local ipv4 ipv6
  for ipv4 in $host4 ''; do
    ipv6=$host6
    if [ -n "$ipv4" ]; then ipv6=; fi
    ca_resolves "$ipv4" "$ipv6"
    run certlatch renew --force
    expect_status 0
    expect_issued example.test
  done
  expect_port_80 $shut_is
}

# ---- containers

container4=172.18.0.2 container6=fd78::2
in_container() { nsenter --net=/run/netns/container -- "$@"; }

# serve WORD COMMAND...: answers every HTTP request on port 80 of that network.
serve() {
  local word=$1
  shift
  "$@" perl -MSocket -e 'socket(my $s, AF_INET6, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($s, pack_sockaddr_in6(80, Socket::inet_pton(AF_INET6, "::"))) or die $!; listen($s, 50);
    while (accept(my $c, $s)) { sysread($c, my $request, 4096);
      syswrite($c, "HTTP/1.0 200 OK\r\nContent-Length: " . length($ARGV[0]) . "\r\n\r\n$ARGV[0]"); close($c) }' "$word" &
}
outside_serves_port_80() {
  serve outside "${outside_command[@]}"
  wait_until 'a server outside' outside "$door" probe $ca4 80
}
fetch() { outside curl --noproxy '*' -s -m 2 "$1" || true; }

# firewall_docker PORT: on top of the firewall that is there, one container, with what Docker's daemon does for it: a
# bridge, a chain DOCKER in nat and filter of iptables, and a host port published for its port 80.
firewall_docker() {
  : > /run/netns/container
  unshare --net=/run/netns/container true
  ip link add docker0 type bridge
  ip address add 172.18.0.1/16 dev docker0
  ip address add fd78::1/64 dev docker0 nodad
  ip link add veth0 type veth peer name uplink
  ip link set uplink netns /run/netns/container
  ip link set veth0 master docker0
  ip link set veth0 up
  ip link set docker0 up
  in_container ip link set lo up
  in_container ip address add $container4/16 dev uplink
  in_container ip address add $container6/64 dev uplink nodad
  in_container ip link set uplink up
  in_container ip route add default via 172.18.0.1
  in_container ip route add default via fd78::1
  sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  outside ip route add 172.18.0.0/16 via $host4
  outside ip route add fd78::/64 via $host6

  local program
  for program in iptables ip6tables; do
    $program -P FORWARD DROP
    $program -N DOCKER
    $program -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    $program -A FORWARD -o docker0 -j DOCKER
    $program -A FORWARD -i docker0 -j ACCEPT
    $program -A DOCKER ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT
  done
  iptables -t nat -N DOCKER
  iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
  iptables -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
  iptables -t nat -A POSTROUTING -s 172.18.0.0/16 ! -o docker0 -j MASQUERADE
  iptables -t nat -A DOCKER -i docker0 -j RETURN
  publish "$1"
  serve container nsenter --net=/run/netns/container --
  wait_until 'the container to serve' in_container "$door" probe $container4 80
}

publish() { iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport "$1" -j DNAT --to-destination $container4:80; }
