#!/bin/bash
# SPDX-License-Identifier: MIT
# examples/push-certificate, called by `deployed`: rsync over SSH, with a key that may do nothing but this, to a server
# that was away at first.
. "$(dirname "$0")/lib/lab.sh"

sshd=/usr/lib/certlatch-tests/openssh-server/usr/sbin/sshd
add_user sshd 875 /run/sshd
add_user certificates 876 /var/lib/certificates
sed -i 's|^\(certificates:.*\):/usr/sbin/nologin$|\1:/bin/sh|' /etc/passwd
install -d -m 0755 /run/sshd
install -d -m 0700 -o certificates -g certificates /var/lib/certificates /var/lib/certificates/.ssh
install -d -m 0750 -o certificates -g certificates /var/lib/pushed
ssh-keygen -q -t ed25519 -N '' -f /etc/certlatch/push.key
chown certlatch /etc/certlatch/push.key
printf 'restrict,command="/usr/bin/rrsync -wo /var/lib/pushed" %s\n' "$(cat /etc/certlatch/push.key.pub)" \
  > /var/lib/certificates/.ssh/authorized_keys
chown certificates /var/lib/certificates/.ssh/authorized_keys
ssh-keygen -q -t ed25519 -N '' -f /var/lib/host.key
printf '%s\n' 'HostKey /var/lib/host.key' 'UsePAM no' 'PasswordAuthentication no' 'PidFile none' > /var/lib/sshd.conf
mkdir -p /etc/ssh
printf 'cdn.test %s\n' "$(cut -d ' ' -f 1,2 /var/lib/host.key.pub)" > /etc/ssh/ssh_known_hosts
echo "$ca4 cdn.test" >> /etc/hosts

ca_start
host_up
sed -i 's/^owner .*/owner = root:certlatch/' $policy
broker_stop
broker_start
install -m 0755 "$lab_tree/examples/push-certificate" /usr/local/bin/push-certificate
echo 'deployed = /usr/local/bin/push-certificate cdn.test' >> $config

run certlatch renew
expect_status 4
expect_says 'example.test: `deployed`: /usr/local/bin/push-certificate ended with status 1' \
  'cdn.test does not have the certificate for example.test'
outside $sshd -f /var/lib/sshd.conf -E $lab/log/sshd
wait_until 'sshd to listen' outside "$door" probe $ca4 22
run certlatch renew
[ "$status" = 0 ] || cat $lab/log/sshd >&2
expect_status 0
expect_says 'example.test: /usr/local/bin/push-certificate has run'
for file in fullchain privkey; do
  cmp /var/lib/pushed/$file.pem $pairs/example.test/live/$file.pem
done
expect_equal 'who may read the key there' 'certificates 640' "$(stat -c '%U %a' /var/lib/pushed/privkey.pem)"
run certlatch renew
expect_silent
# The key opens nothing else.
run as_worker ssh -i /etc/certlatch/push.key -o BatchMode=yes certificates@cdn.test id
if grep -q uid= $said_file; then fail 'a shell'; fi
