# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A lab: a firewalled host and the network outside it, in namespaces that die with the script that made them.
#
# A script that begins with
#     . "$(dirname "$0")/lib/lab.sh"
# is executed again inside its own mount, process and network namespaces. The script's own network is the host's;
# `outside COMMAND` runs a command on the other side of the wire. /run, /etc, /usr/local/bin, /var/lib and /var/log are private
# copies or empty, so that nothing of the machine is touched, and nothing has to be taken away again: whatever ends
# the script, a SIGKILL included, ends all of it.
#
# Environment: CERTLATCH_BUILD, the build directory whose programs are tried (default build/debug of this tree);
# CERTLATCH_LAB_SECONDS, after which a lab is killed (default 120).
set -euo pipefail

lab_library=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
lab_tree=$(readlink -f "$lab_library/../../..")

if [ "${CERTLATCH_LAB:-}" != inside ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "${0##*/}: a lab is made of namespaces; run it as root" >&2
    exit 1
  fi
  # The death signals matter when the caller is killed: each process of this chain then takes the next one with it.
  export CERTLATCH_LAB=inside
  exec setpriv --pdeathsig KILL timeout --foreground -s KILL "${CERTLATCH_LAB_SECONDS:-120}" \
    setpriv --pdeathsig KILL unshare --mount --net --ipc --uts --pid --fork --kill-child --mount-proc \
    bash "$(readlink -f "$0")" "$@"
fi

trap 'lab_at_error "$LINENO" "$BASH_COMMAND"' ERR
trap 'exit 130' INT TERM HUP
set -E

lab_at_error() {
  echo "${0##*/}: the command at line $1 failed: $2" >&2
}

build=$(readlink -f "${CERTLATCH_BUILD:-$lab_tree/build/debug}")
lab=/run/lab
bin=$lab/bin

# Host and outside. Documentation prefixes are not routed by accident, but neither do they look like a real LAN.
host4=10.77.0.2 host6=fd77::2
ca4=10.77.0.1 ca6=fd77::1

# Runs a command in the network outside the host. What goes to the background is started with the array: a function
# would leave a shell between, and a signal would end that shell alone.
outside_command=(nsenter --net=/run/netns/outside --)
outside() { "${outside_command[@]}" "$@"; }

lab_mounts() {
  cd /
  mount -t tmpfs -o mode=755 lab /run
  mkdir -p $lab/tree $lab/bin $lab/etc $lab/log /run/netns /run/certlatch
  mount --rbind "$lab_tree" $lab/tree
  # The worker's user must be able to reach its program, wherever the tree lies and whoever may read it.
  if [ -d "$build/bin" ]; then mount --bind "$build/bin" $bin; fi
  cp -a /etc/. $lab/etc
  mount --bind $lab/etc /etc
  mount -t tmpfs -o mode=755 lab /var/lib
  mount -t tmpfs -o mode=755 lab /var/log
  # Where tests put programs of their own.
  mount -t tmpfs -o mode=755 lab /usr/local/bin
  # A tree below one of those has just been covered.
  if [ ! -e "$lab_tree/CMakeLists.txt" ]; then
    mkdir -p "$lab_tree"
    mount --rbind $lab/tree "$lab_tree"
  fi
}

lab_network() {
  : > /run/netns/outside
  unshare --net=/run/netns/outside true
  ip link set lo up
  outside ip link set lo up
  ip link add eth0 type veth peer name wire
  ip link set wire netns /run/netns/outside
  # Without nodad an IPv6 address cannot be used for its first second.
  ip address add $host4/24 dev eth0
  ip address add $host6/64 dev eth0 nodad
  ip link set eth0 up
  outside ip address add $ca4/24 dev wire
  outside ip address add $ca6/64 dev wire nodad
  outside ip link set wire up
  printf '%s\n' '127.0.0.1 localhost' '::1 localhost' "$ca4 ca.test" "$host4 example.test www.example.test" > /etc/hosts
  : > /etc/resolv.conf
}

# The admin's firewall: everything that is not named is dropped, port 80 among it.
lab_firewall() {
  nft -f - <<'RULES'
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept
    icmp type echo-request accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, echo-request } accept
    tcp dport { 22, 443 } accept
  }
}
RULES
}

lab_mounts
lab_network
lab_firewall

. "$lab_library/probe.sh"
. "$lab_library/ca.sh"
. "$lab_library/fault_proxy.sh"
. "$lab_library/host.sh"
. "$lab_library/forge.sh"
. "$lab_library/watch.sh"
. "$lab_library/outcome.sh"
. "$lab_library/firewall.sh"
