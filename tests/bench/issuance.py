#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""issuance.py CASE COUNT REPEATS [prepare]: every client renews COUNT certificates, REPEATS times; 0: as often as there is
time for where a run takes minutes. Called by issuance.sh in its lab."""
import sys

import contest

case, count, repeats, prepares = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] == ['prepare']
fleet = contest.fleet(count, prepares)
if prepares:  # certlatch's account, and its first certificates
    name, client = next(iter(fleet.items()))
    contest.run('warming up', name, client, client.renew())
if repeats:
    contest.in_turn(case, fleet, lambda client: client.renew(), repeats)
else:
    contest.long_runs_in_turn(case, fleet, lambda client: client.renew())
