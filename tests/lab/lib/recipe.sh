# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A recipe of docs/operations.md, tried: a server with an old pair, then a run that gives it the new one.

# recipe_site [POLICY LINE...]: a site whose pair the service `server` uses, old for now; further lines go into its
# [install] section.
recipe_site() {
  {
    policy_head
    policy_open
    printf '%s\n' '' '[install example.test]' 'names     = example.test' "directory = $pairs/example.test" "$@" \
      'services  = server'
  } > $policy
  write_config
  old_pair example.test
  cat $pairs/example.test/0/{privkey,fullchain}.pem > $pairs/example.test/0/combined.pem
}

# recipe_service RELOAD CHECK: the [service] section.
recipe_service() { printf '%s\n' '' '[service server]' "command = $1" "check   = $2" >> $policy; }

# recipe_verified PLACE...: a run that issues, installs and restarts, and finds the new certificate at each place; then
# one that has nothing to do. Both with the server that is there now.
recipe_verified() {
  echo "verify = $*" >> $config
  ca_start
  broker_start
  run certlatch verify
  expect_status 1
  run certlatch renew
  expect_status 0
  expect_says 'installed as example.test, version 1' 'server: restarted'
  run certlatch verify
  expect_status 0
  run certlatch renew
  expect_status 0
  expect_silent
  run certlatch renew --force
  expect_status 0
  run certlatch verify
  expect_status 0
}
