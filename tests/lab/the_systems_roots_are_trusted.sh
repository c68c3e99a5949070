#!/bin/bash
# SPDX-License-Identifier: MIT
# Without `roots` the CA's HTTPS is checked against the system's roots: by their directory, where the one that is asked
# for is found by its name's hash, also where the link leads to the package's own files; by the bundle, where an admin has
# added a root to that alone; and a CA that is in neither is refused.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
sed -i '/^roots /d' $config
link=/etc/ssl/certs/$(openssl x509 -in $ca_roots -noout -hash).0

run certlatch renew
expect_status 1
expect_says 'is not trusted'

ln -s $ca_roots "$link"
run certlatch renew --force
expect_status 0
expect_issued example.test

# As update-ca-certificates links a root that an admin has added.
mkdir -p $lab/local
mount --bind $lab/local /usr/local/share/ca-certificates 2> /dev/null || fail 'there is no /usr/local/share/ca-certificates'
cp $ca_roots /usr/local/share/ca-certificates/lab.crt
ln -sf /usr/local/share/ca-certificates/lab.crt "$link"
run certlatch renew --force
expect_status 0

rm "$link"
cat $ca_roots >> /etc/ssl/certs/ca-certificates.crt
run certlatch renew --force
expect_status 0
