# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Requests by hand, byte for byte, as docs/protocol.md has them: for what an honest worker would never send.

le32() {  # NUMBER
  printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255))
}
hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }
text() { le32 ${#1}; hex "$1"; }
frame() {  # HEX
  le32 $((${#1} / 2))
  printf %s "$1"
}

hello() { frame "01$(le32 1)"; }
open_request() { frame "02$(text "$1")$(le32 "${2:-0}")"; }             # ENTRY [SECONDS]
install_request() { frame "04$(text "$1")$(text "$2")$(text "$3")"; }   # ENTRY CHAIN KEY
restart_request() { frame "05$(text "$1")"; }                           # ENTRY

# forge ANSWERS HEX...: sends the frames as the worker's user and waits for so many answers; see `run`.
forge() {
  local answers=$1
  shift
  run as_worker $bin/lab-frame $socket "$(printf %s "$@")" "$answers"
}

# hold_listener: something listens on the high port; listener_pid is its process.
hold_listener() {
  setpriv --reuid certlatch --clear-groups perl -MSocket -e 'socket(my $s, AF_INET6, SOCK_STREAM, 0);
    setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($s, pack_sockaddr_in6(8080, Socket::inet_pton(AF_INET6, "::"))) or die $!;
    listen($s, 50); while (accept(my $c, $s)) { close($c) }' &
  listener_pid=$!
  wait_until 'a listener on the high port' "$door" probe 127.0.0.1 8080
}

# hold_lease [SECONDS]: opens `http` and stays connected; something listens on the high port. holder_pid is the
# process that holds the connection, listener_pid the one that listens.
hold_lease() {
  : > $lab/log/holder
  hold_listener
  "${as_worker_command[@]}" $bin/lab-frame $socket "$(hello)$(open_request http "${1:-0}")" 2 600 \
    > $lab/log/holder 2>&1 < /dev/null &
  holder_pid=$!
  wait_until 'the lease' grep -q '^82' $lab/log/holder
}
