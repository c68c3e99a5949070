#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The first line of a file of results: when, on what, and beside which versions it was measured."""
import json
import os
import time

import clients

versions = dict(line.split() for line in os.environ['bench_versions'].splitlines())
names = [name for name in os.environ['bench_clients'].split() if clients.is_installed(name)]
load = os.getloadavg()[0]
print(json.dumps({'measured': time.strftime('%F %R UTC', time.gmtime()),
                  'machine': f'Linux {os.uname().release.split("-")[0]}, {os.cpu_count()} processors, load {load:.1f} before it',
                  'clients': 'certlatch beside ' + ', '.join(f'{name} {versions[name].split("-")[0]}' for name in names)}))
