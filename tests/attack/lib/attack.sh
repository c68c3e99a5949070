# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A worker that has been taken over, against a real broker in a lab.
#
# `attack NAME` runs by/NAME.py as the worker's user, with nothing but the socket in reach; lib/judge.py, beside it as
# root, holds every attempt against what the broker logged and what became of the host and of the broker itself.
. "$(dirname "${BASH_SOURCE[0]}")/../../lab/lib/lab.sh"

attack_library=$lab/tree/tests/attack/lib
python=(/usr/bin/python3 -B)
trust=/etc/certlatch/trust.pem

# A policy with something of everything, each entry there for an attack that aims at it.
attack_policy() {
  policy_head
  policy_open
  printf '%s\n' '' '[open rare]' 'port = 81' 'to = :8080' 'interface = eth0' 'gate = inet filter input' 'at most = 10s' 'per day = 2'
  attack_install example.test 'example.test www.example.test' 'services = counted'
  attack_install wild '*.wild.test'
  attack_install led 'led.test' "trust = $trust"
  attack_install rare 'rare.test' 'per day = 3'
  # A command that leaves a file behind each time, so that its runs can be counted.
  printf '%s\n' '' '[service counted]' "command = /usr/bin/mktemp $lab/runs/XXXXXXXX" 'per day = 5'
  printf '%s\n' '' '[service failing]' 'command = /bin/false'
  printf '%s\n' '' '[service slow]' 'command = /bin/sleep 30' 'timeout = 1s'
}
attack_install() {  # NAME NAMES [KEY...]
  printf '%s\n' '' "[install $1]" "names = $2" "directory = $pairs/$1" 'owner = root:ssl-cert' 'mode = 0640' "${@:3}"
}

attack_begin() {
  mkdir -p $lab/runs
  "${python[@]}" "$attack_library/pairs.py" authority $lab/authority.pem
  openssl x509 -in $lab/authority.pem -out $trust
  chown certlatch $lab/authority.pem  # what a CA would sign for the worker
  attack_policy > $policy
  broker_start
}

attack() {  # NAME
  local known=0
  [ -n "$broker_pid" ] || attack_begin
  "${python[@]}" "$attack_library/judge.py" --broker "$broker_pid" --audit $audit --said $broker_log --pairs $pairs \
    --policy $policy --state $broker_state --runs $lab/runs --bound "$(memory_bound 6144)" \
    --inspector-bound "$(memory_bound 24576)" -- \
    "${as_worker_command[@]}" PYTHONPATH="$attack_library" "${python[@]}" \
    "$attack_library/../by/$1.py" $socket $lab/authority.pem || known=$?
  [ $known = 0 ] || fail "$1: see above"
  run $bin/certlatch-policy audit $audit
  expect_status 0
}

# KiB by which the broker may grow, the buffers of sixteen connections and of netlink; or that its inspector may take.
# Sanitizers keep what was freed.
memory_bound() {  # KIB
  case $(ldd $bin/certlatchd) in *libasan*) echo 800000 ;; *) echo "$1" ;; esac
}
