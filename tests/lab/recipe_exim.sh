#!/bin/bash
# SPDX-License-Identifier: MIT
# Exim gets the new certificate, and shows it after STARTTLS, as docs/operations.md says.
. "$(dirname "$0")/lib/lab.sh"
. "$lab_library/recipe.sh"

# Unpacked only, since the package excludes Postfix.
exim=/usr/lib/certlatch-tests/exim4-daemon-light/usr/sbin/exim4
add_user Debian-exim 874 /var/lib/lab-exim
install -d -m 0750 -o Debian-exim -g Debian-exim /var/lib/lab-exim /var/log/exim4
recipe_site 'owner = root:Debian-exim' 'mode = 0640'
# What the broker does for every pair that it installs: the old one is this script's.
chgrp Debian-exim $pairs/example.test/0/privkey.pem
chmod 0640 $pairs/example.test/0/privkey.pem
mkdir -p /etc/exim4
cat > /etc/exim4/exim4.conf <<CONF
exim_path = $exim
primary_hostname = example.test
spool_directory = /var/lib/lab-exim
log_file_path = /var/log/exim4/%slog
pid_file_path = /run/exim.pid
daemon_smtp_ports = 25
tls_advertise_hosts = *
tls_certificate = $pairs/example.test/live/fullchain.pem
tls_privatekey = $pairs/example.test/live/privkey.pem
never_users = root
begin routers
begin transports
CONF
$exim -bdf > $lab/log/exim 2>&1 < /dev/null &
exim_pid=$!
wait_until 'Exim to listen' "$door" probe 127.0.0.1 25
printf '%s\n' '#!/bin/sh' 'exec /bin/kill -HUP $(cat /run/exim.pid)' > /usr/local/bin/reload-exim
chmod 0755 /usr/local/bin/reload-exim
recipe_service /usr/local/bin/reload-exim "$exim -bV"
recipe_verified 127.0.0.1:25
end $exim_pid
