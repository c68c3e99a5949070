#!/bin/bash
# SPDX-License-Identifier: MIT
# The host's clock is an hour ahead, which hurts nobody; or an hour behind, so that a fresh certificate is one of the
# future: it is not installed, the sentence asks about the clock, what is served stays, and the next run with the right
# time installs what was issued without asking the CA again.
. "$(dirname "$0")/lib/lab.sh"

readonly hour=3600
clock=$lab/clock yesterday=$lab/yesterday
set_clock() {  # FILE SECONDS AHEAD
  perl -e 'open(my $file, "+<", $ARGV[0]) or die $!; syswrite($file, pack("q", $ARGV[1]))' "$1" "$2"
}
head -c 8 /dev/zero | tee $clock > $yesterday
set_clock $yesterday $((-24 * hour))
echo $bin/lab-clock.so > /etc/ld.so.preload

# The certificate of the CA's HTTPS is a day old, as a real CA's is.
openssl() { env LAB_CLOCK=$yesterday openssl "$@"; }
misbehaving_ca
unset -f openssl

set_clock $clock $hour
run certlatch renew
expect_status 0
expect_issued example.test

old=$(served_certificate)
set_clock $clock -$hour
run certlatch renew --force
expect_status 4
expect_says 'certificate is not yet valid' "is this host's clock right?"
expect_equal 'the certificate served' "$old" "$(served_certificate)"
expect_shut

set_clock $clock 0
faults
run certlatch renew
expect_status 0
expect_says 'installed as example.test'
expect_issued example.test
expect_different 'the certificate before and after' "$old" "$(served_certificate)"
expect_equal 'orders' 0 "$(asked neworder)"
