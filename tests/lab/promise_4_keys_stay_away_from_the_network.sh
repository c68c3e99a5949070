#!/bin/bash
# SPDX-License-Identifier: MIT
# While a run waits for the CA, the account's key is in the memory of the keeper and of no other process; the keeper
# has no socket of the network; and the broker has no code that parses PEM or ASN.1.
. "$(dirname "$0")/lib/lab.sh"

if ldd $bin/certlatchd | grep -E 'libcrypto|libssl|libcurl'; then fail 'certlatchd links what parses the network'; fi
if ldd $bin/certlatch-runner | grep -E 'libcrypto|libssl|libcurl'; then fail 'certlatch-runner links it'; fi
if ldd $bin/certlatch | grep -E 'libcrypto|libssl|libcurl|libldns|libmicrohttpd'; then fail 'certlatch itself links it'; fi

ca_start
host_up
run certlatch renew
expect_status 0
key=$(find $worker_state/accounts -type f -name '*key*' -exec cat {} + | openssl pkey -text -noout |
  sed -n '/^priv:/,/^pub:/{/^ /p}' | tr -d ' :\n' | tail -c 64)
expect_equal 'hexadecimal digits of the account key' 64 ${#key}

renew_and_hang $lab/log/run
sleep 1
holders=0
for process in $(processes_of certlatch) $(processes_of certlatchd); do
  if memory_holds $process "$key"; then
    holders=$((holders + 1)) keeper=$process
  fi
done
expect_equal 'processes that hold the account key' 1 $holders
if has_network_socket $keeper; then fail 'the process with the key has a socket of the network'; fi
