#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two DNS providers' APIs as far as a client of ACME uses them, in front of pebble-challtestsrv.

    dns_api.py --listen ADDRESS:PORT --certificate PEM --key PEM --names ADDRESS:PORT --faults FILE --log FILE

Cloudflare, version 4, below /client/v4: GET /zones?name=, GET and POST /zones/ID/dns_records, DELETE
/zones/ID/dns_records/ID, with the bearer token `good-token`. Its zones are example.test and sub.example.test.
acme-dns: POST /update with X-Api-User and X-Api-Key; the account of example.test is user-1, key-1, subdomain sub-1; the
last two values are kept. FILE may hold `busy N` (the next N requests are answered with 429), `html` or `cut`.
"""
import argparse
import http.server
import json
import re
import ssl
import threading
import urllib.parse
import urllib.request

ZONES = {'example.test': 'a' * 32, 'sub.example.test': 'b' * 32}
records, lock, last = {}, threading.Lock(), [0]  # by identifier: zone, name, content


def publish(name):
    host = name + '.'
    values = [content.strip('"') for _, owner, content in records.values() if owner == name]
    for path, body in [('clear-txt', {'host': host})] + [('set-txt', {'host': host, 'value': value}) for value in values]:
        urllib.request.urlopen(urllib.request.Request(f'http://{options.names}/{path}', json.dumps(body).encode()))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        with open(options.log, 'a') as log:
            print(self.command, self.path, status, file=log)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def serve(self):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        with lock:
            fault = open(options.faults).read().split()
            if fault[:1] == ['html']:
                return self.answer(200, b'<html>an error</html>')
            if fault[:1] == ['busy'] and int(fault[1]) > 0:
                with open(options.faults, 'w') as file:
                    print('busy', int(fault[1]) - 1, file=file)
                return self.answer(429, {'success': False, 'errors': [
                    {'code': 971, 'message': 'Please wait and consider throttling your request speed'}]}, Retry_After='1')
            if self.path == '/update':
                return self.acme_dns(body)
            if self.path.startswith('/client/v4/'):
                return self.cloudflare(urllib.parse.urlparse(self.path[len('/client/v4'):]), body)
            self.answer(404, {})

    do_GET = do_POST = do_DELETE = serve

    def acme_dns(self, body):
        if (self.headers.get('X-Api-User'), self.headers.get('X-Api-Key')) != ('user-1', 'key-1'):
            return self.answer(401, {'error': 'forbidden'})
        order = json.loads(body)
        if order.get('subdomain') != 'sub-1':
            return self.answer(401, {'error': 'forbidden'})
        if len(order.get('txt', '')) != 43:
            return self.answer(400, {'error': 'bad_txt'})
        last[0] += 1
        records[last[0]] = ('acme-dns', '_acme-challenge.example.test', order['txt'])
        for old in [number for number, record in records.items() if record[0] == 'acme-dns'][:-2]:
            del records[old]
        publish('_acme-challenge.example.test')
        self.answer(200, {'txt': order['txt']})

    def fault(self, status, code, message):
        self.answer(status, {'result': None, 'success': False, 'errors': [{'code': code, 'message': message}], 'messages': []})

    def good(self, result):
        self.answer(200, {'result': result, 'success': True, 'errors': [], 'messages': []})

    def cloudflare(self, url, body):
        if self.headers.get('Authorization') != 'Bearer good-token':
            return self.fault(403, 9109, 'Invalid access token')
        query = urllib.parse.parse_qs(url.query)
        if url.path == '/zones' and self.command == 'GET':
            name = query.get('name', [''])[0]
            return self.good([{'id': ZONES[name], 'name': name}] if name in ZONES else [])
        found = re.fullmatch(r'/zones/(\w{32})/dns_records(?:/(\w+))?', url.path)
        zone = next((name for name, number in ZONES.items() if found and number == found[1]), None)
        if zone is None:
            return self.fault(404, 7003, 'Could not route to the zone')
        if self.command == 'GET':
            return self.good([{'id': f'r{number}', 'type': 'TXT', 'name': name, 'content': content}
                              for number, (owner, name, content) in records.items()
                              if owner == zone and name == query['name'][0]])
        if self.command == 'DELETE':
            number = int(found[2][1:])
            if number not in records:
                return self.fault(404, 81044, 'Record does not exist.')
            name = records.pop(number)[1]
            publish(name)
            return self.good({'id': found[2]})
        record = json.loads(body)
        name, content = record['name'], record['content']
        if record['type'] != 'TXT' or not (name == zone or name.endswith('.' + zone)):
            return self.fault(400, 9000, 'DNS name is invalid.')
        if record['ttl'] != 1 and not 60 <= record['ttl'] <= 86400:
            return self.fault(400, 9021, 'Invalid TTL.')
        if (zone, name, content) in records.values():
            return self.fault(400, 81058, 'An identical record already exists.')
        last[0] += 1
        records[last[0]] = (zone, name, content)
        publish(name)
        self.good({'id': f'r{last[0]}', 'name': name, 'content': content, 'ttl': record['ttl']})


parser = argparse.ArgumentParser()
for option in ('listen', 'certificate', 'key', 'names', 'faults', 'log'):
    parser.add_argument('--' + option, required=True)
options = parser.parse_args()
address, number = options.listen.rsplit(':', 1)
server = http.server.ThreadingHTTPServer((address, int(number)), Handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(options.certificate, options.key)
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
