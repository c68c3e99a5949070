#!/bin/bash
# SPDX-License-Identifier: MIT
# Exim gets the new certificate, and shows it after STARTTLS, as docs/operations.md says.
. "$(dirname "$0")/lib/lab.sh"
. "$lab_library/recipe.sh"

# Unpacked only, since the package excludes Postfix: put where it would be installed, with the one verb of its init script
# that is needed.
mount -t overlay -o lowerdir=/usr/lib/certlatch-tests/exim4-daemon-light/usr/sbin:/usr/sbin exim /usr/sbin
printf '%s\n' '#!/bin/sh' '[ "$1" = reload ] && exec /bin/kill -HUP $(cat /run/exim.pid)' > /etc/init.d/exim4
chmod 0755 /etc/init.d/exim4
add_user Debian-exim 874 /var/lib/lab-exim
install -d -m 0750 -o Debian-exim -g Debian-exim /var/lib/lab-exim /var/log/exim4
recipe_site Exim
# What the broker does for every pair that it installs: the old one is this script's.
chgrp Debian-exim $pairs/example.test/0/privkey.pem
chmod 0640 $pairs/example.test/0/privkey.pem
mkdir -p /etc/exim4
cat > /etc/exim4/exim4.conf <<CONF
exim_path = /usr/sbin/exim4
primary_hostname = example.test
spool_directory = /var/lib/lab-exim
log_file_path = /var/log/exim4/%slog
pid_file_path = /run/exim.pid
daemon_smtp_ports = 25
$(recipe_lines Exim exim4.conf)
never_users = root
begin routers
begin transports
CONF
/usr/sbin/exim4 -bdf > $lab/log/exim 2>&1 < /dev/null &
exim_pid=$!
wait_until 'Exim to listen' "$door" probe 127.0.0.1 25
recipe_verified
end $exim_pid
