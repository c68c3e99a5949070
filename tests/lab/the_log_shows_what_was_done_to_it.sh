#!/bin/bash
# SPDX-License-Identifier: MIT
# A line of the audit log that was changed or removed is named, rotation leaves the chain whole, and where no line can be
# written nothing is done.
. "$(dirname "$0")/lib/lab.sh"

write_policy
nginx_start
# The log has a disk of its own, of 64 KiB.
mount -t tmpfs -o size=64k,mode=750 lab /var/log/certlatch
broker_start
forge 3 "$(hello)" "$(open_request nothing)" "$(restart_request nginx)"
looks() { run $bin/certlatch-policy audit "$@"; }

looks $audit
expect_status 0
expect_says 'open nothing' 'refused' 'each of which continues' "$(tail -n 1 $audit | tail -c 33)"
lines=$(wc -l < $audit)
sed 's/open nothing/open anything/' $audit > $lab/doctored
looks $lab/doctored
expect_status 1
expect_says 'doctored:4: this line was changed' '1 fault'
sed '4d' $audit > $lab/doctored
looks $lab/doctored
expect_status 1
expect_says 'doctored:4: this line was changed, or lines before it were removed' '1 fault'

# Rotated while no broker runs, and while one does.
broker_stop
mv $audit $audit.1
broker_start
forge 1 "$(hello)"
mv $audit $audit.0
cat $audit.1 $audit.0 > $lab/all
looks $lab/all
expect_status 0
looks $audit.1 $audit.0
expect_status 0
mv $audit.0 $audit
looks $audit  # with the one that it continues, by itself
expect_status 0
expect_different 'lines' "$lines" "$(grep -c . $said_file)"

# The disk is full: refused, and the port stays shut.
head -c 60000 /dev/zero > /var/log/certlatch/full 2> /dev/null || true
cat /dev/zero > /var/log/certlatch/full 2> /dev/null || true
before=$(ruleset)
# What is left of the log's last page is soon used up.
for turn in {1..100}; do
  forge 1 "$(hello)"
  case $said in ff*) break ;; esac
done
for request in "$(hello)" "$(hello)"; do
  forge 1 "$request"
  expect_says 'ff ' 'audit log'
done
expect_equal 'the ruleset' "$before" "$(ruleset)"
rm /var/log/certlatch/full
forge 2 "$(hello)" "$(restart_request nginx)"
expect_says '81 ' '85 '
cat $audit.1 $audit > $lab/all
looks $lab/all
case $status in 0 | 1) ;; *) fail "$said" ;; esac
# At most the lines that the full disk cut are not whole.
if grep 'this line was changed' $said_file; then fail 'a full disk broke the chain'; fi

# The log is removed, and its directory: refused, since nobody would ever read what is written to it.
rm -r /var/log/certlatch/*
for request in "$(hello)" "$(hello)"; do
  forge 1 "$request"
  expect_says 'ff ' 'audit log' removed
done
expect_equal 'the ruleset' "$before" "$(ruleset)"

# No directory, no broker.
broker_stop
umount /var/log/certlatch
rmdir /var/log/certlatch
run "${broker_command[@]}"
expect_status 1
expect_says 'audit log' 'directory does not exist'
