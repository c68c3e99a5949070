#!/bin/bash
# SPDX-License-Identifier: MIT
# The host's clock is set back by a day, or jumps ahead and is set back: what was spent of `per day` stays spent, in the
# broker that runs and in the next one, and a refusal says when there is one again. A lease lasts as long as it was to.
. "$(dirname "$0")/lib/lab.sh"

readonly hour=3600 day=86400
clock=$lab/clock
set_clock() {  # SECONDS AHEAD
  perl -e 'open(my $file, "+<", $ARGV[0]) or die $!; syswrite($file, pack("q", $ARGV[1]))' $clock "$1"
}
head -c 8 /dev/zero > $clock
broker_command=(env LD_PRELOAD=$bin/lab-clock.so LAB_CLOCK=$clock ASAN_OPTIONS=verify_asan_link_order=0 "${broker_command[@]}")

ask() { forge 2 "$(hello)" "$1"; }
restart=$(restart_request nginx) open=$(open_request http)
expect_refused() {  # REQUEST WHEN
  ask "$1"
  expect_says '81 ' 'ff ' "was used 2 times within 24 hours, its \`per day\`; allowed again in $2"
}
expect_spent() {  # WHEN
  expect_refused "$restart" "$1"
  expect_refused "$open" "$1"
}

write_policy
sed -i 's/^at most .*/&\nper day = 2/; s/^check .*/&\nper day = 2/' $policy
nginx_start
broker_start
hold_listener
for turn in 1 2; do
  ask "$restart"
  expect_says '85 '
  ask "$open"
  expect_says '82 '
done
today=$(tail -n 1 $audit)
expect_spent '24 h 0 min'

# Back by a day: the clock is the broker's, and yet nothing is allowed.
set_clock -$day
expect_spent '24 h 0 min'
if [[ $(tail -n 1 $audit | cut -c-15) = "${today:0:15}" ]]; then fail 'the broker did not see the clock set back'; fi
broker_stop
broker_start
expect_spent '24 h 0 min'

# A day counts from then on.
set_clock $((-day + 23 * hour))
expect_spent '1 h 0 min'
broker_kill
broker_start
expect_spent '1 h 0 min'

# Ahead by a month: a budget for that day; and back again, where what is spent is spent. The use of that day counts as
# one of now: it takes the place of the older of the two, and the other is over in an hour.
set_clock $((30 * day))
ask "$restart"
expect_says '85 '
broker_stop
broker_start
set_clock $((-day + 23 * hour))
expect_spent '1 h 0 min'
set_clock $((-day + 24 * hour + 60))
ask "$restart"
expect_says '85 '
expect_refused "$restart" '22 h 59 min'
run $bin/certlatch-policy audit $audit
expect_status 0
broker_stop

# A lease of three seconds lasts three seconds, whatever the clock does.
rm $broker_state/usage
broker_start
end $listener_pid
hold_lease 3
began=$(date +%s%N)
set_clock $((10 * day))
sleep 1
expect_equal 'the port, with the clock ahead' open "$(port 80)"
set_clock $((-10 * day))
wait_until 'the port to shut' port_is_shut
lasted=$((($(date +%s%N) - began) / 1000000))
[ $lasted -lt 4500 ] || fail "with the clock set back the lease lasted $lasted ms"
[ $lasted -gt 2000 ] || fail "the lease lasted $lasted ms only"
