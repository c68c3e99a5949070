# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A process of certlatch whose code is the attacker's, in a lab. Each attempt is one system call, made after the process
# has confined itself, by a program whose back door is in tests/attack/broken/.
#
# Release binaries unless CERTLATCH_BUILD says otherwise: sanitizers need system calls that no other build makes.
export CERTLATCH_BUILD=${CERTLATCH_BUILD:-$(dirname "${BASH_SOURCE[0]}")/../../../build/release}
. "$(dirname "${BASH_SOURCE[0]}")/attack.sh"

victim=$lab/victim
document=$lab/tree/docs/threat-model.md

# What an attempt could reach if nothing stopped it. /dev and /tmp are this lab's own from here on.
broken_begin() {
  local device
  mkdir $lab/dev $lab/victims
  mount -t tmpfs -o mode=755 lab $lab/dev
  for device in null zero full random urandom tty; do cp -a /dev/$device $lab/dev/; done
  ln -s /proc/self/fd $lab/dev/fd
  mount --move $lab/dev /dev
  mount -t tmpfs -o mode=1777 lab /tmp
  mkdir /run/dbus /run/systemd
  echo 'as it was' > $victim
  chmod 666 $victim
  forwarding=$(cat /proc/sys/net/ipv4/ip_forward)
  "${python[@]}" "$attack_library/props.py" > $lab/log/props 2>&1 < /dev/null &
  wait_until 'the props' grep -qx ready $lab/log/props
}

# What must be the same after each attempt.
broken_host() {
  stat -c '%n %i %s %a %u %g %h' $victim /etc/passwd /etc/shadow $policy
  ls -d /etc/* /etc/cron.d/* /tmp/* $lab/hard $lab/victims/* /run/short 2> /dev/null || true
  cat $victim /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/route_localnet
  hostname
}

expect_host_unchanged() {  # WHAT HAPPENED
  diff -U0 <(echo "$before") <(broken_host) >&2 || fail "the host was changed by: $1"
}

# The places in which an attempt of the broker finds something.
broker_places() {
  install -d -m 0755 -o certlatch-broker -g certlatch-broker $pairs/example.test
  rm -rf $pairs/example.test/{suid,pipe,device,mine} /etc/broken
  echo plain > $pairs/example.test/plain
  ln -sfn /etc/passwd $pairs/example.test/to-passwd
  ln -sfn /etc $pairs/example.test/to-etc
  chown -h certlatch-broker $pairs/example.test/*
  chown 0:0 $victim
}

# A worker in league with the broker passes the victim's descriptor to whoever listens there.
worker_passes_to() {  # SOCKET
  as_worker "${python[@]}" "$attack_library/passing.py" "$1" $victim > $lab/log/passing 2>&1 < /dev/null &
}

# Undoes what an attempt that succeeded did to the host.
undo_attempt() {
  local toggle
  echo 'as it was' > $victim
  chmod 666 $victim; chown 0:0 $victim
  rm -rf /etc/cron.d/broken /tmp/broken /etc/broken $lab/hard
  echo "$forwarding" > /proc/sys/net/ipv4/ip_forward
  for toggle in /proc/sys/net/ipv4/conf/*/route_localnet; do echo 0 > "$toggle"; done
  umount $lab/victims 2> /dev/null || true
  hostname lab
}

# What became of the attempt: an error's name, or `done`; `killed` when it was begun and nothing was said after it.
outcome_of() {  # WHERE NAME
  local last
  last=$(sed -n 's/^.*attempt: .*: \([A-Za-z0-9]*\)$/\1/p' $said_file | tail -n 1)
  case $last:$1:$status in
    begun:root:0) echo done ;;  # it became another program, which ended well
    begun:*) echo killed ;;
    :* | unknown:*) fail "nothing is known of $1's attempt \"$2\":"$'\n'"$said" ;;
    *) echo "$last" ;;
  esac
}

# Which part of the confinement gives this outcome, for the table.
stopped_by() {  # OUTCOME ATTEMPT
  case "$1 for $2" in
    'EPERM for delete a table'*) echo 'its owner: EPERM' ;;
    'EPERM for a raw socket') echo 'no capability: EPERM' ;;
    'EACCES for memory'*) echo 'seccomp: EACCES' ;;
    *) stopped_by_what "$1" ;;
  esac
}
stopped_by_what() {
  case $1 in
    EPERM | EAFNOSUPPORT) echo "seccomp: $1" ;;
    killed) echo 'seccomp: killed' ;;
    EACCES) echo 'Landlock: EACCES' ;;
    EXDEV) echo 'Landlock: EXDEV' ;;
    ELOOP) echo 'seccomp demands O_NOFOLLOW: ELOOP' ;;
    EBADF) echo 'no such descriptor: EBADF' ;;
    done) echo '**nothing**' ;;
    *) echo "$1" ;;
  esac
}

# tabulate < GROUP TAB NAME TAB OUTCOME: a row for each group and what stopped it, in the order they first came.
tabulate() {
  echo '| | what was tried | what stopped it |'
  echo '| --- | --- | --- |'
  awk -F'\t' '{ row = $1 FS $3; if (!(row in tried)) order[++rows] = row; tried[row] = tried[row] (tried[row] ? "; " : "") $2 }
    END { for (i = 1; i <= rows; ++i) { split(order[i], it, FS); print "| " it[1] " | " tried[order[i]] " | " it[2] " |" } }'
}

# between MARK FILE: the lines of a document between two marks.
between() { sed -n "/<!-- $1 -->/,/<!-- end of $1 -->/{//d;p}" "$2"; }

# The table as it was printed is the table in the document.
expect_documented() {  # MARK TABLE
  if [ "$(between "$1" "$document")" != "$(cat "$2")" ]; then
    diff <(between "$1" "$document") "$2" >&2 || true
    fail "docs/threat-model.md has another table between its marks \"$1\"; what was printed is above"
  fi
}
