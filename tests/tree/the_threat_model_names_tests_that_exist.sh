#!/bin/bash
# SPDX-License-Identifier: MIT
# Each line of docs/threat-model.md that promises something names its test, and each test that it names is there: a line
# without its test is a wish. What promises is a row of a table that ends in "held by", and a bullet, but for those that
# tell what is not held.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
document=docs/threat-model.md
status=0 count=0 promises=0
fault() { echo "$document $1"; status=1; }

# A script by its name, `a_name` or `the_beginning_of_names_*`; a case of a unit test by file and name, `x_test.cc` *the case*.
name='`[a-z0-9]+(_[a-z0-9]+)+\*?`'
case='\*[^*`|]+\*'
cases="\`[a-z0-9_]+_test\.cc\` $case(, $case)*"
no_tests='`(route_localnet|privkey_pem)`'

while read -r test; do
  count=$((count + 1))
  if ! find tests -name "${test%\*}*.sh" | grep -q .; then fault "names $test, which is no test"; fi
done < <(grep -oE "$name" $document | grep -vxE "$no_tests" | tr -d '`' | sort -u)

joined=$(sed 's/$/ /' $document | tr -d '\n' | tr -s ' ')  # a case's name may go on in the next line
while IFS= read -r found; do
  file=$(cut -d'`' -f2 <<< "$found")
  path=$(find tests/unit -name "$file")
  [ -n "$path" ] || { fault "names $file, which is no unit test"; continue; }
  while IFS= read -r text; do
    count=$((count + 1))
    if ! grep -qF "\"${text//\*/}\"" $path; then fault "names a case that $file does not have: ${text//\*/}"; fi
  done < <(cut -d'`' -f3 <<< "$found" | grep -oE "$case")
done < <(grep -oE "$cases" <<< "$joined")

while IFS= read -r promise; do
  promises=$((promises + 1))
  if ! sed -E "s/$no_tests//g" <<< "$promise" | grep -qE "$name|$cases"; then fault "promises without a test: $promise"; fi
done < <(awk '
  function tell() { if (bullet != "") print bullet; bullet = "" }
  /^## / { told = !/^## (A broker |What is not promised)/ }
  /^\*\*What it does not/ { told = 0 }
  /^- / { tell(); if (told) bullet = $0; next }
  /^  / && bullet != "" { bullet = bullet " " $0; next }
  { tell() }
  /^\|/ { if (!in_table) { in_table = 1; held = /held by \|$/ } else if (held && !/^\| ---/) print; next }
  { in_table = 0 }
  END { tell() }' $document)

[ $count -gt 40 ] || fault "has only $count names of tests"
[ $promises -gt 40 ] || fault "has only $promises promises"
exit $status
