#!/bin/bash
# SPDX-License-Identifier: MIT
# The broker is not there: exit status 3, and a sentence that names its socket.
. "$(dirname "$0")/lib/lab.sh"

ca_start
write_config
run certlatch renew
expect_status 3
expect_says $socket
