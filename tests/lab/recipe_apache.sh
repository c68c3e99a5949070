#!/bin/bash
# SPDX-License-Identifier: MIT
# Apache gets the new certificate as docs/operations.md says.
. "$(dirname "$0")/lib/lab.sh"
. "$lab_library/recipe.sh"

recipe_site 'owner = root:root' 'mode = 0600'
cat > /etc/apache2/lab.conf <<CONF
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
ServerRoot /etc/apache2
ServerName example.test
PidFile /run/apache2.pid
DefaultRuntimeDir /run
Mutex file:/run default
User www-data
Group www-data
ErrorLog /var/log/apache.log
SSLSessionCache none
Listen 443
<VirtualHost *:443>
  SSLEngine on
  SSLCertificateFile    $pairs/example.test/live/fullchain.pem
  SSLCertificateKeyFile $pairs/example.test/live/privkey.pem
</VirtualHost>
CONF
/usr/sbin/apache2 -f /etc/apache2/lab.conf
wait_until 'Apache to listen' outside "$door" probe $host4 443
recipe_service '/usr/sbin/apache2 -f /etc/apache2/lab.conf -k graceful' '/usr/sbin/apache2 -f /etc/apache2/lab.conf -t'
recipe_verified example.test:443
