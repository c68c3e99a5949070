#!/bin/bash
# SPDX-License-Identifier: MIT
# How many system calls are left to broker and inspector: docs/threat-model.md says what the kernel holds for the two that
# run, and `certlatch-policy explain --json` names the broker's. Of the release build: sanitizers need more.
export CERTLATCH_BUILD=${CERTLATCH_RELEASE:-$(dirname "$(readlink -f "$0")")/../../build/release}
. "$(dirname "$0")/lib/lab.sh"

host_up
document=$lab_tree/docs/threat-model.md
# N, and M more by their arguments
held() {  # PROGRAM
  "$lab_tree/tests/lab/probe/system_calls.py" "$(processes_of "$1")" > "$lab/calls" || fail "the filter of $1 cannot be read"
  awk 'NR == 1 { free = NF } NR == 2 { looked_at = NF } END { printf "%d, and %d more by their arguments", free, looked_at }' $lab/calls
}

figures=$(grep -oE '[0-9]+, and [0-9]+ more by their arguments' "$document")
expect_equal 'the figures of the document' "$(held certlatchd)"$'\n'"$(held certlatch-inspector)" "$figures"

held certlatchd > /dev/null
$bin/certlatch-policy --policy $policy explain --json > $lab/explained
# What is looked at stands first in its sentence: `fchmod without set-ID bits`, `mmap and mprotect without ...`.
/usr/bin/python3 - $lab/explained $lab/calls <<'PYTHON' || fail 'explain names other system calls than the kernel holds'
import json, re, sys
held = json.load(open(sys.argv[1]))['held_by_kernel']
said = [sorted(held['system_calls']), sorted(name for sentence in held['checked_calls']
        for name in re.match(r'(\w+)(?: and (\w+))? ', sentence).groups() if name)]
kernel = [sorted(line.split()) for line in open(sys.argv[2])]
if said != kernel:
    sys.exit(f'said: {said}\nheld: {kernel}')
PYTHON
