# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A recipe of docs/operations.md, tried: a server with an old pair, then a run that gives it the new one. The policy's
# lines and the server's are those of the document. There is no systemd in a lab: `reload = X.service` runs
# /etc/init.d/X, as the package has it.

# recipe_lines HEADING FILE: what the document shows for that file, with the lab's name in the place of its own.
recipe_lines() {
  awk -v heading="### $1" -v file="\`$2\`" '
    /^#/ { is_here = $0 == heading }
    /^[^ ]/ { is_shown = is_here && index($0, file) == 1 && /:$/; next }
    is_shown { sub(/^    /, ""); print }' "$lab_tree/docs/operations.md" |
    sed 's/\(mail\.\)\?example\.org/example.test/g' | grep . || { echo "docs/operations.md has no $2 of $1" >&2; return 1; }
}

# The places that the document verifies, or the usual one.
recipe_places() {  # HEADING
  local places
  places=$(sed -n "/^### $1\$/,/^###/s/.*\`verify = \([^\`]*\)\`.*/\1/p" "$lab_tree/docs/operations.md")
  sed 's/\(mail\.\)\?example\.org/example.test/g' <<< "${places:-example.org:443}"
}

# recipe_site HEADING: a site whose pair the server uses, old for now.
recipe_site() {
  recipe=$1
  { policy_head; policy_open; echo; recipe_lines "$1" policy.conf; } > $policy
  write_config
  old_pair example.test
  cat $pairs/example.test/0/{privkey,fullchain}.pem > $pairs/example.test/0/combined.pem
}

# recipe_verified: a run that issues, installs and reloads, and finds the new certificate at each place; then one that
# has nothing to do. Both with the server that is there now.
recipe_verified() {
  local service
  service=$(sed -n 's/^\[service \(.*\)\]/\1/p' $policy)
  echo "verify = $(recipe_places "$recipe")" >> $config
  ca_start
  broker_start
  run certlatch verify
  expect_status 1
  run certlatch renew
  expect_status 0
  expect_says 'installed as example.test, version 1' "$service: restarted"
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
