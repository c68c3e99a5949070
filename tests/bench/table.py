#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""table.py RESULTS [--into DOCUMENT]: the figures of issuance.sh, idle.sh and deployment.sh as tables in Markdown: the
medians, after the ratio to certlatch, and in brackets the least and the most. With a document they take the place of what
stands there between the marks; a table whose figures are not among the results stays as it is."""
import json
import re
import statistics
import sys

QUANTITIES = {'wall': 'wall, ms', 'cpu': 'CPU, ms', 'memory': 'peak memory, MiB', 'requests': 'HTTP requests'}
FLEET = {'certificates': 'certificates', 'wall': 'wall, ms', 'openings': 'openings', 'open': 'port open, ms',
         'checks': 'checks of nginx', 'restarts': 'reloads of nginx'}


def number(value):
    return f'{value:.1f}' if 0 < value < 10 and value != int(value) else f'{value:,.0f}'


def cell(found, base, is_first):
    """Of the values `found`, beside certlatch's."""
    if not found:
        return '-'
    middle = statistics.median(found)
    text = number(middle)
    if min(found) < max(found):
        text += f' ({number(min(found))} to {number(max(found))})'
    if not is_first and base and statistics.median(base):
        ratio = middle / statistics.median(base)
        text = f'**{ratio:.0f} x** {text}' if ratio >= 9.5 else f'**{ratio:.1f} x** {text}'
    return text


def line(*cells):
    return '| ' + ' | '.join(cells) + ' |'


def table(rows):
    """rows: a title, and for each client its values."""
    clients = list(dict.fromkeys(client for _, cells in rows for client in cells))
    yield line('', *clients)
    yield '|' + ' --- |' * (len(clients) + 1)
    for title, cells in rows:
        first = next(iter(cells.values()))
        yield line(title, *(cell(cells.get(client, []), first, cells.get(client) is first) for client in clients))


def rows_of(runs):
    cases = {}
    for run in runs:
        cases.setdefault(run['case'], {}).setdefault(run['client'], []).append(run)
    for case, clients in cases.items():
        for key, title in QUANTITIES.items():
            values = {client: [run[key] for run in found if run[key] is not None] for client, found in clients.items()}
            if any(value for found in values.values() for value in found):
                yield f'{case}: {title}', values
        broker = [run['broker'] for run in clients.get('certlatch', ())]
        if any(broker):
            yield f"{case}: CPU of certlatch's broker, ms", {'certlatch': broker}


def fleet_lines(runs):
    clients = list(dict.fromkeys(run['client'] for run in runs))
    yield line('', *clients)
    yield '|' + ' --- |' * (len(clients) + 1)
    for key, title in FLEET.items():
        yield line(title, *(cell([run[key] for run in runs if run['client'] == client], [], True) for client in clients))


def blocks(results):
    """Of each kind of figures: its name, and its lines."""
    when = next(entry for entry in results if 'measured' in entry)
    heading = f'Measured on {when["measured"]}, {when["machine"]}. {when["clients"]}.'
    runs = [entry for entry in results if entry.get('case') not in (None, 'warming up')]
    failed = [f'{run["case"]}, {run["client"]}' for run in runs if run['failed']]
    if failed:
        heading += f' Failed, and in the figures all the same: {"; ".join(sorted(set(failed)))}.'
    for kind in 'issuing', 'nothing due':
        rows = list(rows_of([run for run in runs if run['case'].startswith(kind)]))
        if rows:
            yield kind, [heading, '', *table([(title.removeprefix(kind + ', '), cells) for title, cells in rows])]
    fleets = [entry for entry in results if 'openings' in entry]
    if fleets:
        yield 'one nginx', [heading, '', *fleet_lines(fleets)]


def marked(kind, lines):
    return '\n'.join([f'<!-- figures: {kind} -->', *lines, f'<!-- end of figures: {kind} -->'])


def main(path, document=None):
    with open(path) as lines:
        made = {kind: marked(kind, found) for kind, found in blocks([json.loads(entry) for entry in lines])}
    if document is None:
        print('\n\n'.join(made.values()))
        return
    with open(document) as file:
        text = file.read()
    for kind, block in made.items():
        text, count = re.subn(f'<!-- figures: {kind} -->.*?<!-- end of figures: {kind} -->', lambda _: block, text, flags=re.S)
        if count != 1:
            raise SystemExit(f'{document} has {count} places for the figures of {kind}')
    with open(document, 'w') as file:
        file.write(text)


if len(sys.argv) == 4 and sys.argv[2] == '--into':
    main(sys.argv[1], sys.argv[3])
elif len(sys.argv) == 2:
    main(sys.argv[1])
else:
    raise SystemExit(__doc__)
