#!/bin/bash
# SPDX-License-Identifier: MIT
# `per day` of openings, installs and restarts is kept on disk: neither a broker that is restarted nor one that is killed
# begins anew, and a refusal says when there is one again. A lease is no longer than `at most`, whatever is asked for.
. "$(dirname "$0")/lib/lab.sh"

write_policy
sed -i 's/^at most .*/&\nper day = 2/; s/^mode .*/&\nper day = 2/; s/^check .*/&\nper day = 2/' $policy
nginx_start
broker_start
hold_listener

refused_for() {  # WHAT REQUEST
  forge 2 "$(hello)" "$2"
  expect_says '81 ' 'ff ' "[$1] was used 2 times within 24 hours, its \`per day\`; allowed again in 2"
}
forge 2 "$(hello)" "$(open_request http 4000000000)"
expect_says '81 ' '82 '
grep -q 'what="open http" outcome=done.*for 60 s' $audit || fail 'the lease is longer than `at most`'
forge 2 "$(hello)" "$(restart_request nginx)"
expect_says '81 ' '85 '
forge 2 "$(hello)" "$(install_request example.test chain key)"  # one that is refused counts as well
broker_stop
broker_start
forge 2 "$(hello)" "$(open_request http)"
expect_says '82 '
forge 2 "$(hello)" "$(restart_request nginx)"
expect_says '85 '
forge 2 "$(hello)" "$(install_request example.test chain key)"
broker_kill
for turn in 1 2; do
  broker_start
  refused_for 'open http' "$(open_request http)"
  refused_for 'service nginx' "$(restart_request nginx)"
  refused_for 'install example.test' "$(install_request example.test chain key)"
  broker_kill
done
end $listener_pid
