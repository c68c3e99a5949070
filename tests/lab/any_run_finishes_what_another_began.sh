#!/bin/bash
# SPDX-License-Identifier: MIT
# What one trigger renewed and could not deploy, another deploys: a run for that name or for all, by hand or by cron; and
# a service that a run for another certificate has restarted is not restarted again.
. "$(dirname "$0")/lib/lab.sh"

ca_start
write_policy :8080 'inet filter input' one.test two.test
write_config one.test two.test
nginx_start one.test two.test
broker_start
service_does() {  # KEY VALUE
  broker_stop
  sed -i "s|^$1 .*|$1 = $2|" $policy
  broker_start
}
restarts() { audited 'service nginx' done; }
run certlatch renew
expect_status 0

# By hand, for one name: issued, but the check refuses it. Cron's run installs it, without the CA.
service_does check /bin/false
run certlatch renew --force one.test
expect_status 4
service_does check '/usr/sbin/nginx -t'
ca_stop
before=$(restarts)
run certlatch renew --quiet
expect_status 0
expect_silent
expect_issued one.test
expect_equal restarts $((before + 1)) "$(restarts)"

# Installed, but nginx was not reloaded. A run that renews the other certificate reloads it for both.
ca_start
service_does command /bin/false
run certlatch renew --force one.test
expect_status 4
service_does command '/usr/sbin/nginx -s reload'
before=$(restarts)
run certlatch renew --force two.test
expect_status 0
expect_issued one.test
expect_issued two.test
expect_equal restarts $((before + 1)) "$(restarts)"
run certlatch renew
expect_status 0
expect_silent
expect_equal 'restarts, after a run with nothing to do' $((before + 1)) "$(restarts)"
run certlatch status
expect_status 0
