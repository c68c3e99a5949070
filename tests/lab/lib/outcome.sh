# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What a run of the worker left behind, and what its processes are.

# The CA's certificate for this name is installed, with its key, and it is what nginx serves: soon, since nginx is
# only told to reload.
expect_issued() {  # NAME
  local live=$pairs/$1/live
  wait_until "nginx to serve what is installed for $1" serves_what_is_installed "$1"
  case $(openssl x509 -in "$live/cert.pem" -noout -issuer) in
    *Pebble*) ;;
    *) fail "the certificate for $1 is not the CA's" ;;
  esac
  openssl x509 -in "$live/cert.pem" -noout -checkhost "$1" | grep -q 'does match' || fail "it is not for $1"
  expect_equal "the key that fits $1" "$(openssl x509 -in "$live/cert.pem" -noout -pubkey)" \
    "$(openssl pkey -in "$live/privkey.pem" -pubout)"
}

serves_what_is_installed() {
  [ "$(openssl x509 -in "$pairs/$1/live/fullchain.pem")" = "$(served_certificate "$1")" ]
}

# How often the broker's log has this outcome for this: `audited 'open http' done`.
audited() { grep -c "what=\"\?$1\"\? outcome=$2" $audit || true; }

expect_no_answer() {
  if grep -q '^[0-9a-f][0-9a-f] ' $said_file; then fail "an answer: $said"; fi
}

ruleset_is() { [ "$(ruleset)" = "$1" ]; }
port_is_shut() { [ "$(port 80 4 100)" != open ]; }

# ---- of processes

processes_of() {  # PROGRAM
  local exe
  for exe in /proc/[0-9]*/exe; do
    if [ "$(readlink "$exe")" = "$(readlink -f $bin/"$1")" ]; then exe=${exe%/exe}; echo "${exe#/proc/}"; fi
  done
}
# end PROCESS...: SIGKILL to processes of this script's own, which may have ended by themselves.
end() {
  kill -KILL "$@" 2> /dev/null || true
  wait "$@" 2> /dev/null || true
}
no_worker_runs() { [ -z "$(processes_of certlatch)" ]; }
at_least_processes() { [ "$(processes_of "$1" | wc -l)" -ge "$2" ]; }
process_field() { awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"; }

# renew_and_hang FILE: a forced run that waits for a CA which has stopped; main process, acme and keeper are there to be
# looked at. The CA answers a little first: before a keeper is needed it is asked whether it would have a renewal.
renew_and_hang() {
  kill -STOP $ca_pid
  certlatch renew --force > "$1" 2>&1 < /dev/null &
  wait_until 'the roles to run' roles_run
}
roles_run() {
  at_least_processes certlatch 3 && return
  kill -CONT $ca_pid
  sleep 0.01
  kill -STOP $ca_pid
  at_least_processes certlatch 3
}

has_network_socket() {  # PROCESS
  local inode
  for inode in $(find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n'); do
    if cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 | grep -qw "$inode"; then return 0; fi
  done
  return 1
}

# Do the bytes occur in what the process can read of its own memory? Mappings beyond 64 MiB are the sanitizers'.
memory_holds() {  # PROCESS HEX
  perl -e 'my ($pid, $hex) = @ARGV; my $needle = pack("H*", $hex);
    open(my $maps, "<", "/proc/$pid/maps") or exit 2;
    open(my $memory, "<:raw", "/proc/$pid/mem") or exit 2;
    while (<$maps>) {
      my ($from, $to) = /^([0-9a-f]+)-([0-9a-f]+) r/ or next;
      ($from, $to) = (hex $from, hex $to);
      next if $to - $from > 64 << 20;
      sysseek($memory, $from, 0) or next;
      sysread($memory, my $bytes, $to - $from) or next;
      exit 0 if index($bytes, $needle) >= 0;
    }
    exit 1' "$1" "$2"
}
