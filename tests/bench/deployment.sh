#!/bin/bash
# SPDX-License-Identifier: MIT
# A run that renews many certificates of one nginx: how often and how long port 80 was open, how often nginx was checked
# and restarted, and how long it took. Beside it, for scale, certbot with the hooks that its manual shows for the same:
# one that opens the port before and one that shuts it after, and one that checks and restarts nginx for each certificate.
# Openings and their lengths are what the broker's log says, or the times at which certbot's hooks ran.
#
#   tests/bench/deployment.sh
#
# Environment: BENCH_FLEET (200), BENCH_FLEET_CERTBOT (20; 0: leave it out), BENCH_REPEATS_FLEET (3), BENCH_RESULTS (see
# lib/contest.sh).
. "$(dirname "$(readlink -f "$0")")/lib/contest.sh"

# Each call of nginx is counted; each of the hooks' says when.
cat > /usr/local/bin/counted-nginx <<'SCRIPT'
#!/bin/sh
echo "$1" >> /run/lab/calls
exec /usr/sbin/nginx "$@"
SCRIPT
chmod 0755 /usr/local/bin/counted-nginx
calls() { grep -c -- "^$1" $lab/calls || true; }
milliseconds() { awk -v from="$1" -v to="$2" 'BEGIN { printf "%.0f", (to - from) * 1000 }'; }
# row CLIENT CERTIFICATES WALL OPENINGS OPEN
row() {
  printf '{"client": "%s", "certificates": %d, "wall": %d, "openings": %d, "open": %d, "checks": %d, "restarts": %d}\n' \
    "$@" "$(calls -t)" "$(calls -s)" >> "$bench_results"
  printf . >&2
}
time_of() { date -d "$(grep -o '^time=[^ ]*' <<< "$1" | cut -d= -f2)" +%s.%3N; }

echo 'one nginx' >&2
count=${BENCH_FLEET:-200}
mapfile -t names < <(site_names "$count")
host_with "${names[@]}"
sed -i 's|/usr/sbin/nginx|/usr/local/bin/counted-nginx|' $policy
broker_start
run certlatch renew
for ((i = 0; i < ${BENCH_REPEATS_FLEET:-3}; ++i)); do
  : > $lab/calls
  lines=$(wc -l < $audit) began=$EPOCHREALTIME
  run certlatch renew --force
  ended=$EPOCHREALTIME
  if [ "$status" != 0 ]; then tail -n 5 $said_file; fi
  tail -n +$((lines + 1)) $audit > $lab/audited
  open=0
  while read -r opened && read -r shut; do
    open=$((open + $(milliseconds "$(time_of "$opened")" "$(time_of "$shut")")))
  done < <(grep -E 'what="open http" outcome=done|what="(close [0-9]+|lease)" outcome=' $lab/audited)
  row certlatch "$count" "$(milliseconds "$began" "$ended")" "$(grep -c 'what="open http" outcome=done' $lab/audited)" $open
done
broker_stop
nginx_stop

count=${BENCH_FLEET_CERTBOT:-20}
if [ "$count" = 0 ] || ! command -v certbot > /dev/null; then
  print_table
  exit 0
fi
mapfile -t names < <(site_names "$count")
host_with "${names[@]}"
cat > $lab/door <<'HOOK'
#!/bin/bash
case $1 in
  open) nft insert rule inet filter input tcp dport 80 accept && /usr/sbin/nginx -c /run/lab/nginx80.conf 2> /dev/null ;;
  shut)
    /usr/sbin/nginx -c /run/lab/nginx80.conf -s stop 2> /dev/null
    nft delete rule inet filter input handle "$(nft -a list chain inet filter input | awk '/tcp dport 80 accept/ { print $NF }')" ;;
esac
echo "$1 $EPOCHREALTIME" >> /run/lab/door.log
HOOK
chmod 0755 $lab/door
PYTHONPATH=$bench /usr/bin/python3 -c "import contest; contest.fleet($count, True)" < /dev/null
: > $lab/calls
: > $lab/door.log
began=$EPOCHREALTIME
run certbot renew -n -q --no-random-sleep-on-renew --force-renewal --{config,work,logs}-dir=$lab/bench/certbot-"$count" \
  --pre-hook "$lab/door open" --post-hook "$lab/door shut" \
  --deploy-hook 'counted-nginx -t 2> /dev/null && counted-nginx -s reload'
ended=$EPOCHREALTIME
if [ "$status" != 0 ]; then tail -n 5 $said_file; fi
open=$(awk '$1 == "open" { from = $2 } $1 == "shut" { sum += ($2 - from) * 1000 } END { printf "%.0f", sum }' $lab/door.log)
row certbot "$count" "$(milliseconds "$began" "$ended")" "$(grep -c open $lab/door.log)" "$open"
print_table
