#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever the ruleset: when suggest is content, the port really opens with what it proposes, over IPv4 and IPv6; when it
# says that no gate is enough, it really stays shut; and the ruleset is afterwards as before. RULESETS says how many,
# SEED which is the first.
. "$(dirname "$0")/lib/lab.sh"

seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
nginx_start
enough=0 not_enough=0 perhaps=0
for ((i = seed; i < seed + ${RULESETS:-12}; ++i)); do
  perl "$lab_library/random_ruleset.pl" $i > $lab/nftables.conf
  # Some contradict themselves.
  nft -f $lab/nftables.conf 2> /dev/null || continue
  suggest_policy
  sed -i "/^per day/d" $policy  # it is for one opening an hour, not for as many as these
  verdict=$status
  proposal="with SEED=$i, $(cat $lab/nftables.conf)"$'\n'$said
  before=$(firewall_state)
  broker_start
  hold_lease
  seen="$(port 80 4 150) $(port 80 6 150)"
  case $verdict$said in
    1*) not_enough=$((not_enough + 1)); expect_different "$proposal" "$seen" 'open open' ;;
    0*'# Mind'*) perhaps=$((perhaps + 1)) ;;
    0*) enough=$((enough + 1)); expect_equal "$proposal" 'open open' "$seen" ;;
    *) fail "$proposal" ;;
  esac
  end $holder_pid
  wait_until 'the ruleset from before' firewall_is "$before"
  end $listener_pid
  broker_stop
done
echo "from $seed: $enough enough, $not_enough not enough, $perhaps perhaps"
