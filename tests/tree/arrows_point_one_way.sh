#!/bin/bash
# Includes between the rooms go one way: protocol <- policy <- broker, protocol <- worker; of policy/ the worker
# uses the INI reader alone; and nothing that ever has privilege includes the policy's tool.
set -u
cd "$(dirname "$0")/../.." || exit 2
faults=0

# allowed ROOM PATTERN: every quoted include below ROOM starts with something that matches PATTERN.
allowed() {
  local room=$1 pattern=$2 found
  found=$(grep -rnE '^#include "' --include='*.cc' --include='*.h' "$room" | grep -vE "#include \"($pattern)")
  [ -z "$found" ] || { printf '%s\n' "$found"; faults=1; }
}

allowed protocol 'protocol/'
allowed policy 'protocol/|policy/'
allowed broker 'protocol/|policy/[a-z_]+\.h|broker/'
allowed worker 'protocol/|policy/ini_file\.h|worker/'

found=$(grep -rnE '^#include "policy/tool/' --include='*.cc' --include='*.h' policy | grep -v '^policy/tool/')
[ -z "$found" ] || { printf '%s\n' "$found"; faults=1; }

# The stock archives and container loaders of cereal allocate what a size tag says.
found=$(grep -rnE 'cereal/(archives|types)/' --include='*.cc' --include='*.h' protocol policy broker worker tests)
[ -z "$found" ] || { printf '%s\n' "$found"; faults=1; }

exit $faults
