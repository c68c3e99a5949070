# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What a test looks at, and how it says what it found.

door=$bin/lab-door

fail() {
  echo "FAILED: $*" >&2
  local log
  for log in broker run holder; do
    if [ -s $lab/log/$log ]; then
      echo "-- the end of the log of: $log" >&2
      tail -n 8 $lab/log/$log >&2
    fi
  done
  exit 1
}

# wait_until WHAT COMMAND...: until the command succeeds, for at most 20 seconds.
wait_until() {
  local what=$1 until=$((SECONDS + 20))
  shift
  while [ $SECONDS -lt $until ]; do
    if "$@" > /dev/null 2>&1; then return 0; fi
    sleep 0.02
  done
  fail "waited 20 seconds for $what"
}

# Is a port of the host open to the outside? Prints `open`, `refused` or `dropped`.
# port 80 [4|6] [MILLISECONDS]
port() {
  local address=$host4
  if [ "${2:-4}" = 6 ]; then address=$host6; fi
  outside "$door" probe "$address" "$1" "${3:-1000}" || true
}

expect_equal() {  # WHAT EXPECTED FOUND
  if [ "$2" != "$3" ]; then
    fail "$1"$'\n'"expected: $2"$'\n'"   found: $3"
  fi
}

expect_different() {  # WHAT ONE OTHER
  if [ "$2" = "$3" ]; then fail "$1: both are: $2"; fi
}

expect_shut() {
  local family
  for family in 4 6; do
    expect_equal "port 80 from outside over IPv$family" dropped "$(port 80 $family 300)"
  done
}

# run COMMAND...: its exit status in `status`, both its streams in `said` and in the file that said_file names.
said_file=$lab/log/said
run() {
  status=0
  "$@" > $said_file 2>&1 < /dev/null || status=$?
  said=$(cat $said_file)
}

expect_status() {
  if [ "$status" != "$1" ]; then fail "exit status $status where $1 was expected; it said:"$'\n'"$said"; fi
}

# expect_says TEXT...: each occurs in what the last `run` said.
expect_says() {
  local text
  for text in "$@"; do
    case $said in
      *"$text"*) ;;
      *) fail "\"$text\" was expected in:"$'\n'"$said" ;;
    esac
  done
}

# expect_silent_about TEXT...: none of them occurs there.
expect_silent_about() {
  local text
  for text in "$@"; do
    case $said in
      *"$text"*) fail "\"$text\" was not expected in:"$'\n'"$said" ;;
    esac
  done
}

expect_silent() {
  if [ -n "$said" ]; then fail "silence was expected; it said:"$'\n'"$said"; fi
}

# watch_door [4|6]: records every change of port 80 as seen from outside, until watch_end; then in `watched`,
# as one line a change: milliseconds since the epoch, then `open` or `shut`.
watch_door() {
  : > $lab/log/watch
  local address=$host4
  if [ "${1:-4}" = 6 ]; then address=$host6; fi
  "${outside_command[@]}" "$door" watch "$address" 80 > $lab/log/watch 2>&1 < /dev/null &
  watch_pid=$!
  wait_until 'the watch to begin' test -s $lab/log/watch
}

watch_end() {
  # One more look after whatever has just happened.
  sleep 0.3
  kill $watch_pid
  wait $watch_pid 2> /dev/null || true
  watched=$(cat $lab/log/watch)
}

# The changes alone: "shut open shut".
watched_changes() { awk '{ printf "%s%s", (NR == 1 ? "" : " "), $2 }' $lab/log/watch; }

ruleset() { nft list ruleset; }

# The certificate that port 443 serves to a client outside.
served_certificate() {  # [NAME]
  outside openssl s_client -connect $host4:443 -servername "${1:-example.test}" < /dev/null 2> /dev/null |
    openssl x509
}

certificate_fingerprint() { openssl x509 -noout -fingerprint -sha256; }
certificate_issuer() { openssl x509 -noout -issuer -nameopt RFC2253; }
