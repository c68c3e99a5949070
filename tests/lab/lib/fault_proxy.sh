# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A CA that misbehaves as told (probe/fault_proxy.py), at proxy_url, with Pebble behind it.

proxy_url=https://ca.test:14001/dir
proxy_faults=$lab/faults
proxy_log=$lab/log/proxy
proxy_pid=

proxy_start() {
  : > $proxy_faults
  : > $proxy_log
  "${outside_command[@]}" python3 "$lab_tree/tests/lab/probe/fault_proxy.py" --listen $ca4:14001 \
    --upstream $ca4:14000 --certificate $ca_roots --key $lab/ca.key --faults $proxy_faults --log $proxy_log \
    > $lab/log/proxy.err 2>&1 < /dev/null &
  proxy_pid=$!
  wait_until 'the proxy to listen' outside "$door" probe $ca4 14001
}

# faults LINE...: from now on these; none without.
faults() {
  printf '%s\n' "$@" > $proxy_faults.new
  mv $proxy_faults.new $proxy_faults
  : > $proxy_log
}

# How many requests the proxy has seen of this stage since faults() was called last.
asked() { grep -c " $1 " $proxy_log || true; }

# misbehaving_ca: the CA, the host, and the proxy between them, which does nothing wrong yet.
misbehaving_ca() {
  ca_environment=(PEBBLE_WFE_NONCEREJECT=0)
  ca_start
  host_up
  proxy_start
  { config_ca $proxy_url; config_certificate example.test; } > $config
  tried=0
}

# goes_well FAULT...: the run gets through.
goes_well() {
  tried=$((tried + 1))
  faults "$@"
  run_challenged timeout 100 "${as_worker_command[@]}" $bin/certlatch renew --force
  [ "$status" = 0 ] || echo "with: $*" >&2
  expect_status 0
  expect_shut
}
# fails TEXT FAULT...: the run ends with that text; the next one goes well.
fails() {
  local text=$1
  shift
  tried=$((tried + 1))
  faults "$@"
  run_challenged timeout 100 "${as_worker_command[@]}" $bin/certlatch renew --force
  [ "$status" = 1 ] || echo "with: $*" >&2
  expect_status 1
  expect_says "example.test: " "$text"
  expect_shut
  faults
  run certlatch renew --force
  [ "$status" = 0 ] || echo "after: $*" >&2
  expect_status 0
}

# Of so many faults at least this script must have told: none may be left out by accident.
expect_tried() {
  if [ $tried -lt "$1" ]; then fail "only $tried faults were tried"; fi
}
