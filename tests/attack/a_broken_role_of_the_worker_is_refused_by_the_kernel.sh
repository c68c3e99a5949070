#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever the code of acme, keeper, responder, dns or verify were made to do: none reads what is not its own, executes, or looks
# into another process; the keeper and the responder make no connection, and acme none but to where a CA can be.
# The table is printed, and is the one in docs/threat-model.md.
# Release binaries only.
export CERTLATCH_LAB_SECONDS=${CERTLATCH_LAB_SECONDS:-300}
. "$(dirname "$0")/lib/broken.sh"

broken_begin
ca_start
echo "nameserver $ca4" > /etc/resolv.conf
host_up
echo 'verify = example.test:443' >> $config
run certlatch renew
expect_status 0
cat $worker_state/accounts/*/*key* > $lab/account.key 2> /dev/null || find $worker_state/accounts -type f -exec cat {} + > $lab/account.key
chown certlatch $lab/account.key
chmod 0400 $lab/account.key
install -o certlatch -m 0600 /dev/null /tmp/mine
# Something of this host to connect to.
perl -MSocket -e 'for my $port (22, 53) { socket(my $s, AF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
  bind($s, pack_sockaddr_in($port, INADDR_ANY)) or die $!; listen($s, 50); push @held, $s } print "ready\n"; $| = 1; sleep 1000' &
wait_until 'something to listen' "$door" probe 127.0.0.1 53
echo list > $lab/attempt
$bin/certlatch-broken > $lab/attempts

make_attempt() {  # WHERE NAME
  rm -rf /tmp/broken /tmp/hard /tmp/soft
  echo "$1 $2" > $lab/attempt
  if [ "$1" = dns ]; then  # which is asked why a challenge failed
    outside nft 'add table inet shut; add chain inet shut out { type filter hook output priority 0; };
      add rule inet shut out tcp dport 80 reject with tcp reset'
  fi
  # An order that needs no challenge, since the CA has seen one before, needs neither responder nor dns.
  for _ in 1 2 3 4; do
    run as_worker timeout -s KILL 30 $bin/certlatch-broken renew --force
    case $said in *'attempt: '*) break ;; esac
  done
  rm -f $lab/attempt
  outside nft delete table inet shut 2> /dev/null || true
  outcome=$(outcome_of "$1" "$2")
}

# What a role is there for, and so is not refused.
is_its_own() {  # ROLE NAME
  case $1:$2 in
    'keeper:list the accounts' | 'keeper:list the certificates') ;;
    'acme:connect to a service of this host (TCP port 22)' | 'acme:connect to DNS over TCP (port 53)') ;;
    'verify:connect to a service of this host (TCP port 22)' | 'verify:connect to DNS over TCP (port 53)') ;;
    'acme:a UDP socket' | 'verify:a UDP socket' | 'dns:a UDP socket' | 'dns:connect to DNS over TCP (port 53)') ;;
    *) return 1 ;;
  esac
}

attempts=0 refused=0
while IFS=$'\t' read -r group name works; do
  if [ "$works" = 1 ]; then
    make_attempt root "$name"
    if [ "$outcome" != done ]; then fail "without confinement, \"$name\" gave $outcome: it shows nothing"; fi
    rm -rf /tmp/broken /tmp/hard /tmp/soft $worker_state/broken
    chmod 600 /tmp/mine
  fi
  before=$(broken_host)
  for role in ${CERTLATCH_ROLES:-acme keeper responder dns verify}; do
    attempts=$((attempts + 1))
    make_attempt $role "$name"
    printf '%s\t%s\t%s\n' $role "$name" "$(stopped_by "$outcome" "$name")" >> $lab/outcomes
    expect_host_unchanged "$role: $name"
    if is_its_own $role "$name"; then continue; fi
    expect_different "the attempt of $role, \"$name\"" done "$outcome"
    refused=$((refused + 1))
  done
done < $lab/attempts
sort -s -t $'\t' -k1,1 $lab/outcomes | tabulate > $lab/table
cat $lab/table
expect_documented 'a broken role' $lab/table
echo "$attempts attempts by broken roles, $refused refused by the kernel, $((attempts - refused)) that they are there for"
