#!/bin/bash
# SPDX-License-Identifier: MIT
# Without options the broker reads, listens and remembers where an installed one does, and says nothing but to the log.
. "$(dirname "$0")/lib/lab.sh"

write_policy
rm -rf $broker_state /run/certlatch
$bin/certlatchd > $lab/log/silent 2>&1 < /dev/null &
broker_pid=$!
wait_until 'the broker to serve' grep -q 'what="broker" outcome=started' $audit
[ -S $socket ] || fail "there is no socket $socket"
[ "$(stat -c %U%a $broker_state)" = certlatch-broker700 ] || fail "$broker_state is not the broker's own"
[ "$(stat -c %U%a /run/certlatch)" = certlatch-broker755 ] || fail '/run/certlatch is not the broker'\''s own'
broker_stop
[ ! -s $lab/log/silent ] || fail "the broker said: $(< $lab/log/silent)"
