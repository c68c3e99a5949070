#!/bin/bash
# SPDX-License-Identifier: MIT
# Throughout an issuance, the memory and the descriptors of every process are looked at: the account's key is in the
# keeper alone, the certificate's in none of acme, responder, dns, verify and runner; who has a socket of the network has no
# file of the state, and who holds a key has no socket of the network.
# Release binaries only: in what sanitizers keep of freed memory there is too much to look through.
export CERTLATCH_BUILD=${CERTLATCH_BUILD:-$(dirname "$0")/../../build/release}
. "$(dirname "$0")/lib/attack.sh"
. "$lab_library/name_server.sh"

write_policy
sed -i 's|^check .*|check = /bin/sleep 0.5|' $policy  # an install takes a while, and can be looked at
name_server_start
ca_start
write_config
echo 'verify = example.test:443' >> $config
nginx_start
broker_start
"${python[@]}" "$attack_library/memory.py" $worker_state $pairs $lab/end > $lab/log/memory 2>&1 &
looker=$!
inspector=$(processes_of certlatch-inspector)
for turn in 1 2 3 4; do
  if [ $turn = 4 ]; then  # by dns-01, and the name server does not answer until who asks it was looked at
    kill -STOP $name_server_pid
    { config_ca; config_by_update example.test; } > $config
  fi
  # Until it answers, the broker and the worker's main process have the key at hand.
  kill -STOP $inspector
  # Until it serves, what is served is waited for.
  server="$(cat /run/nginx.pid) $(pgrep -P "$(cat /run/nginx.pid)")"
  kill -STOP $server
  certlatch renew --force > $lab/log/run 2>&1 < /dev/null &
  worker=$!
  # The CA is slow, so that all that waits for it can be looked at.
  while kill -0 $worker 2> /dev/null; do
    kill -STOP $ca_pid
    sleep 0.3
    kill -CONT $ca_pid
    sleep 0.02
    if [ "$(audited 'install example.test' allowed)" -ge $turn ]; then
      sleep 1
      kill -CONT $inspector
    fi
    if [ $turn = 4 ] && pgrep -f 'certlatch role dns' > /dev/null; then
      sleep 2
      kill -CONT $name_server_pid
    fi
    if [ "$(audited 'service nginx' done)" -ge $turn ]; then
      sleep 0.5
      kill -CONT $server 2> /dev/null || true
    fi
  done
  wait $worker || { cat $lab/log/run >&2; fail 'the run failed'; }
done
expect_issued example.test
touch $lab/end
wait $looker || { cat $lab/log/memory >&2; fail 'could not look'; }
cat $lab/log/memory

found() { awk -v kind="$1" -v what="$2" '$1 == kind && $2 == what { print $3 }' $lab/log/memory | sort | tr '\n' ' '; }
looked() { awk -v name="$1" '$1 == "looked" && $2 == name { print $3 }' $lab/log/memory; }
for name in main acme keeper responder dns verify certlatchd certlatch-inspector certlatch-runner; do
  looks=$(looked $name)
  if [ "${looks:-0}" -lt 3 ]; then fail "$name was not looked at"; fi
done
expect_equal 'processes with the account key' 'keeper ' "$(found key account)"
for name in $(found key certificate); do
  case $name in
    keeper | main | certlatchd | certlatch-inspector) ;;
    *) fail "$name holds a certificate's key" ;;
  esac
done
for name in main certlatchd; do
  case " $(found key certificate)" in *" $name "*) ;; *) fail "the certificate's key was not seen in $name: nothing is shown" ;; esac
done
for name in $(found descriptor network); do
  case $name in acme | responder | dns | verify) ;; *) fail "$name has a socket of the network" ;; esac
done
case " $(found descriptor state)" in *acme* | *responder* | *dns* | *verify*) fail 'a process of the network holds a file of the state' ;; esac

# Afterwards, nobody holds a certificate's key any more.
rm $lab/end
"${python[@]}" "$attack_library/memory.py" $worker_state $pairs $lab/end > $lab/log/memory 2>&1 &
looker=$!
sleep 1
touch $lab/end
wait $looker
expect_equal 'processes with a key after the run' '' "$(found key certificate)$(found key account)"
echo "$(awk '$1 == "looked" { sum += $3 } END { print sum }' $lab/log/memory) looks after the run, no key"
