#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""idle.py COUNT REPEATS [once]: every client looks after COUNT certificates of which none is due; `once`: the others do so
once, where that takes them minutes. Called by idle.sh in its lab."""
import sys

import contest

count, repeats, is_long = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] == ['once']
case = f'nothing due, {count:,} certificate{"s" if count > 1 else ""}'
fleet = contest.fleet(count, prepares=True)
# Its first look at files that it did not write itself; what it saw is remembered for the next ones.
contest.run(f'{case}, the first look', 'certlatch', fleet['certlatch'], fleet['certlatch'].idle())
if is_long:
    contest.long_runs_in_turn(case, fleet, lambda client: client.idle())
else:
    contest.in_turn(case, fleet, lambda client: client.idle(), repeats)
