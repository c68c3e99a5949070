#!/bin/bash
# SPDX-License-Identifier: MIT
# Dovecot gets the new certificate, and shows it by IMAP and POP3, as docs/operations.md says.
. "$(dirname "$0")/lib/lab.sh"
. "$lab_library/recipe.sh"

recipe_site Dovecot
cat > /etc/dovecot/dovecot.conf <<CONF
protocols = imap pop3
base_dir = /run/dovecot
state_dir = /run/dovecot-state
log_path = /var/log/dovecot.log
ssl = yes
$(recipe_lines Dovecot 10-ssl.conf)
passdb {
  driver = static
  args = password=x
}
userdb {
  driver = static
  args = uid=1 gid=1 home=/run
}
CONF
/usr/sbin/dovecot 2> $lab/log/dovecot || fail "$(cat $lab/log/dovecot)"
wait_until 'Dovecot to listen' "$door" probe 127.0.0.1 143
recipe_verified
