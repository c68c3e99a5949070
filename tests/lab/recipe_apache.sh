#!/bin/bash
# SPDX-License-Identifier: MIT
# Apache gets the new certificate as docs/operations.md says.
. "$(dirname "$0")/lib/lab.sh"
. "$lab_library/recipe.sh"

recipe_site Apache
mkdir -p /var/log/apache2 /run/lock
cat > /etc/apache2/apache2.conf <<CONF
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
ServerRoot /etc/apache2
ServerName example.test
PidFile \${APACHE_PID_FILE}
DefaultRuntimeDir \${APACHE_RUN_DIR}
Mutex file:/run default
User www-data
Group www-data
ErrorLog /var/log/apache2/error.log
SSLSessionCache none
Listen 443
<VirtualHost *:443>
  SSLEngine on
  $(recipe_lines Apache apache2.conf)
</VirtualHost>
CONF
service apache2 start > $lab/log/apache 2>&1 || fail "$(cat $lab/log/apache)"
wait_until 'Apache to listen' outside "$door" probe $host4 443
recipe_verified
