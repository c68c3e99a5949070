#!/bin/bash
# SPDX-License-Identifier: MIT
# Somebody else listens on the responder's port: the run fails with the port's number, and nothing is opened.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
perl -MSocket -e 'socket(my $s, AF_INET6, SOCK_STREAM, 0);
  bind($s, pack_sockaddr_in6(8080, Socket::inet_pton(AF_INET6, "::"))) or die $!; listen($s, 5); sleep 60' &
wait_until 'the other listener' "$door" probe 127.0.0.1 8080
run certlatch renew
expect_status 1
expect_says 8080
expect_equal 'openings' 0 "$(audited 'open http' done)"
expect_shut
