#!/bin/bash
# SPDX-License-Identifier: MIT
# Postfix gets the new certificate, and shows it after STARTTLS, as docs/operations.md says.
. "$(dirname "$0")/lib/lab.sh"
. "$lab_library/recipe.sh"

recipe_site Postfix
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
# Without its jails, which the package makes elsewhere.
sed -i -E 's/^([a-z-]+ +(inet|unix|fifo) +[ny-]+ +[ny-]+ +)[y-]( )/\1n\3/' /etc/postfix/master.cf
cat > /etc/postfix/main.cf <<CONF
compatibility_level = 3.6
myhostname = example.test
mydestination = localhost
inet_interfaces = all
queue_directory = /var/lib/lab-postfix
data_directory = /var/lib/lab-postfix-data
maillog_file = /var/log/postfix.log
$(recipe_lines Postfix main.cf)
CONF
install -d -m 0755 /var/lib/lab-postfix
install -d -m 0755 -o postfix /var/lib/lab-postfix-data
/usr/sbin/postfix start > $lab/log/postfix 2>&1 || fail "$(cat $lab/log/postfix /var/log/postfix.log)"
wait_until 'Postfix to listen' "$door" probe 127.0.0.1 25
recipe_verified
/usr/sbin/postfix stop > $lab/log/postfix 2>&1 || :
