# SPDX-License-Identifier: MIT
"""What the parts of the comparison have in common: the results file, port 80 for the clients that need it open, and one
measured run. The scripts that call this name the lab's places in the environment."""
import json
import os
import subprocess
import sys
import time

import clients
import costs

RULE = 'inet filter input tcp dport 80 accept'.split()
WORKER = int(os.environ['bench_user'])


class Certlatch:
    needs_port = False
    fine = (0,)

    def __init__(self, config):
        self.command = [os.environ['bench_program'], '--config', config, 'renew']

    def renew(self):
        return [*self.command, '--force']

    def idle(self):
        return self.command


class Port80:
    """Open, with an nginx behind it that shows the others' challenges."""
    nginx = ['/usr/sbin/nginx', '-c', '/run/lab/nginx80.conf']

    def __enter__(self):
        subprocess.run(['nft', 'insert', 'rule', *RULE], check=True)
        subprocess.run(self.nginx, check=True, stderr=subprocess.DEVNULL)

    def __exit__(self, *_):
        # Again and again: one that has just started may not heed it yet.
        while os.path.exists('/run/nginx80.pid'):
            subprocess.run([*self.nginx, '-s', 'stop'], stderr=subprocess.DEVNULL)
            time.sleep(0.02)
        listed = subprocess.run(['nft', '-a', 'list', 'chain', *RULE[:3]], check=True, capture_output=True, text=True).stdout
        handle = next(line.split()[-1] for line in listed.splitlines() if 'tcp dport 80 accept' in line)
        subprocess.run(['nft', 'delete', 'rule', *RULE[:3], 'handle', handle], check=True)


def fleet(count, prepares):
    """All that are installed, certlatch first; `prepares`: they get their accounts and certificates."""
    configs = (word.split('=') for word in os.environ['bench_configs'].split())
    found = {name: Certlatch(config) for name, config in configs}
    for name in os.environ['bench_clients'].split():
        if clients.is_installed(name):
            found[name] = clients.OTHERS[name](count, os.environ['bench_ca'])
    if prepares:
        with Port80():
            for client in found.values():
                if client.needs_port:
                    client.prepare()
    return found


def run(case, name, client, command):
    """One run, as a line of the results."""
    ca_log = os.environ['bench_ca_log']
    if client.needs_port:
        with Port80():
            found = costs.measure(command, ca_log=ca_log)
    else:
        door = costs.Broker(os.environ['bench_broker'].split(), os.environ['bench_socket'], WORKER)
        found = costs.measure(command, WORKER, door, ca_log)
        door.listening.close()
    found['failed'] = found['status'] not in client.fine
    if found['failed']:
        with open('/run/lab/log/measured') as output:
            print(f'{name}: exit status {found["status"]}:\n{output.read()[-1500:]}', file=sys.stderr)
    with open(os.environ['bench_results'], 'a') as file:
        print(json.dumps({'case': case, 'client': name, **found}), file=file)
    print('.', end='', flush=True, file=sys.stderr)


def in_turn(case, found, call, repeats):
    """Every client, `repeats` times, in turn."""
    for _ in range(repeats):
        for name, client in found.items():
            run(case, name, client, call(client))
    print(file=sys.stderr)


def long_runs_in_turn(case, found, call):
    """The same where a run of the others takes minutes: one of each, and certlatch beside it."""
    ours = {name: client for name, client in found.items() if not client.needs_port}
    for name, client in found.items():
        if client.needs_port:
            in_turn(case, ours, call, 1)
            run(case, name, client, call(client))
    in_turn(case, ours, call, 1)
