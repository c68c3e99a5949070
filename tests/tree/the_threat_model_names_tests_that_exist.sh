#!/bin/bash
# SPDX-License-Identifier: MIT
# Each test that docs/threat-model.md names is there: a line without its test is a wish.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

status=0 count=0
while read -r name; do
  count=$((count + 1))
  if ! find tests -name "${name%\*}*.sh" | grep -q .; then
    echo "docs/threat-model.md names $name, which is no test"
    status=1
  fi
done < <(grep -oE '`[a-z0-9]+(_[a-z0-9]+)+\*?`' docs/threat-model.md | tr -d '`' | grep -vxE 'route_localnet|privkey_pem' | sort -u)
[ $count -gt 15 ] || { echo "only $count tests were found in docs/threat-model.md"; status=1; }
exit $status
