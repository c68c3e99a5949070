#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever is not a frame of the protocol, in its turn, ends the connection and is logged; the broker lives on.
. "$(dirname "$0")/lib/lab.sh"

host_up
before=$(ruleset)
count=0
ends() {  # WHAT HEX...
  local what=$1
  shift
  forge -1 "$@"
  expect_equal "$what: the last line" ended "$(tail -1 $said_file)"
  count=$((count + 1))
  expect_equal "$what: violations logged" $count "$(audited connection violation)"
}
ends 'a frame of no bytes' 00000000
ends 'a frame that is too long' ffffffff
ends 'a length just beyond the bound' 01000100
ends 'an unknown tag' "$(frame 09)"
ends 'Open before Hello' "$(open_request http)"
ends 'Hello twice' "$(hello)$(hello)"
ends 'a message with something after it' "$(frame "01$(le32 1)00")"
ends 'a message cut short' "$(hello)$(frame 0210)"
ends 'a size beyond the message' "$(hello)$(frame 02ffffff7f)"
ends 'an answer in place of a request' "$(hello)$(frame 83)"
ends 'random bytes' "$(head -c 64 /dev/urandom | od -An -v -tx1 | tr -d ' \n' | sed 's/^......../40000000/')"
expect_equal 'the ruleset' "$before" "$(ruleset)"
forge 1 "$(hello)"
expect_says '81 '
