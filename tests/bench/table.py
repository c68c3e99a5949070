#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""table.py RESULTS: what the clients cost, for people to read: in each cell the ratio to the first client of the case,
then the median and, in brackets, the least and the most."""
import json
import statistics
import sys

COLUMNS = {'wall': 'wall, ms', 'cpu': 'CPU, ms', 'tree': 'memory, MiB', 'requests': 'requests'}
WIDTH = 28


def values(runs, column):
    return [run[column] for run in runs if run['is_looked_at' if column == 'tree' else 'is_timed']]


def number(value):
    return f'{value:.1f}' if 0 < value < 10 and value != int(value) else f'{value:,.0f}'


def cell(runs, first, column):
    found, base = values(runs, column), values(first, column)
    if not found:
        return '-'
    middle = statistics.median(found)
    spread = f' ({number(min(found))}-{number(max(found))})' if min(found) < max(found) else ''
    ratio = f'{middle / statistics.median(base):.2f}' if base and statistics.median(base) else ''
    return f'{ratio:<7}{number(middle)}{spread}'


cases = {}
with open(sys.argv[1]) as lines:
    for line in map(json.loads, lines):
        if line['case'] != 'warming up':
            cases.setdefault(line['case'], {}).setdefault(line['client'], []).append(line)

for case, found in cases.items():
    first = next(iter(found.values()))
    columns = [column for column in COLUMNS if any(run[column] for runs in found.values() for run in runs)]
    print(f'\n{case}\n' + (' ' * 16 + ''.join(f'{COLUMNS[column]:<{WIDTH}}' for column in columns)).rstrip())
    for client, runs in found.items():
        failed = sum(run['failed'] for run in runs)
        row = ''.join(f'{cell(runs, first, column):<{WIDTH}}' for column in columns)
        print(f'  {client:<14}{row}'.rstrip() + (f'  {failed} of {len(runs)} runs failed' if failed else ''))
    broker = statistics.median([run['broker'] for run in first if run['is_timed']] or [0])
    if broker:
        print(f"  Of certlatch's CPU {number(broker)} ms are the broker's: its start, the pairs, nginx's check and reload.")
