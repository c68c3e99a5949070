#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A CA that misbehaves: stands between the worker and Pebble, and does wrong what a file tells it to.

    fault_proxy.py --listen ADDRESS:PORT --upstream ADDRESS:PORT --certificate PEM --key PEM --faults FILE --log FILE

FILE is read again whenever it changes; each line is `STAGE FAULT [TIMES]`. The first line that fits a request and has
not been done TIMES times (always, without) is done. A stage is one of the names below, or `any`. It also adds what
Debian's Pebble lacks: renewal information (`ari START END RETRY-AFTER`, in seconds from now) and profiles
(`profiles NAME...`). The log has a line `METHOD STAGE STATUS` for every request.
"""
import argparse
import base64
import email.utils
import http.client
import http.server
import json
import os
import random
import socket
import ssl
import struct
import threading
import time

STAGES = {
    '/dir': 'directory', '/nonce-plz': 'nonce', '/sign-me-up': 'newaccount', '/my-account': 'account',
    '/order-plz': 'neworder', '/authZ': 'authorization', '/chalZ': 'challenge', '/finalize-order': 'finalize',
    '/my-order': 'order', '/certZ': 'certificate', '/rollover-account-key': 'keychange', '/revoke-cert': 'revoke',
    '/renewal-info': 'renewalinfo',
}


class Faults:
    def __init__(self, path):
        self.path, self.stamp, self.lock = path, None, threading.Lock()
        self.rules, self.ari, self.profiles = [], None, []

    def load(self):
        stat = os.stat(self.path)
        stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if stamp == self.stamp:
            return
        self.stamp, self.rules, self.ari, self.profiles = stamp, [], None, []
        with open(self.path) as lines:
            for words in map(str.split, lines):
                if not words:
                    continue
                if words[0] == 'ari':
                    self.ari = [int(word) for word in words[1:]]
                elif words[0] == 'profiles':
                    self.profiles = words[1:]
                else:
                    self.rules.append([words[0], words[1], int(words[2]) if len(words) > 2 else None])

    def take(self, stage, is_signed):
        with self.lock:
            self.load()
            for rule in self.rules:
                if rule[0] not in (stage, 'any') or rule[2] == 0:
                    continue
                if rule[1].startswith('badnonce:') and not (
                        is_signed and random.randrange(100) < int(rule[1].split(':')[1])):
                    continue
                if rule[2] is not None:
                    rule[2] -= 1
                return rule[1]
        return None


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def replace(self, value):
        self.body = json.dumps(value).encode()


def problem(status, kind, **headers):
    body = json.dumps({'type': 'urn:ietf:params:acme:error:' + kind, 'detail': 'the proxy says so', 'status': status})
    return Answer(status, {'Content-Type': 'application/problem+json', **headers}, body.encode())


def payload_of(body):
    text = json.loads(body).get('payload', '') if body else ''
    return json.loads(base64.urlsafe_b64decode(text + '=' * (-len(text) % 4)) or b'{}')


def rfc3339(seconds):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + seconds))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.serve()

    def do_HEAD(self):
        self.serve()

    def do_POST(self):
        self.serve()

    def upstream(self, method, path, body):
        context = ssl.create_default_context(cafile=options.certificate)
        context.check_hostname = False
        host, port = options.upstream.rsplit(':', 1)
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ('connection', 'content-length')}
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        kept = {}
        for name, value in response.getheaders():
            if name.lower() not in ('content-length', 'transfer-encoding', 'connection', 'date'):
                kept[name] = f'{kept[name]}, {value}' if name in kept else value
        answer = Answer(response.status, kept, response.read())
        connection.close()
        return answer

    def fresh_nonce(self):
        return {'Replay-Nonce': self.upstream('HEAD', '/nonce-plz', b'').headers.get('Replay-Nonce', '')}

    def serve(self):
        size = int(self.headers.get('Content-Length') or 0)
        body = self.rfile.read(size)
        stage = next((name for start, name in STAGES.items() if self.path.startswith(start)), 'other')
        fault = faults.take(stage, is_signed=self.command == 'POST')
        try:
            self.answer(stage, fault, body)
        except (BrokenPipeError, ConnectionError, ssl.SSLError):
            self.close_connection = True

    def answer(self, stage, fault, body):
        kind, _, value = (fault or '').partition(':')
        if kind == 'cut':  # before anything was done
            return self.cut(stage)
        if kind in ('429', '503', '500'):
            wait = value if value != 'date' else email.utils.formatdate(time.time() + 3600 + 2, usegmt=True)
            headers = {'Date': email.utils.formatdate(time.time() + 3600, usegmt=True), **self.fresh_nonce(), **({'Retry-After': wait} if wait else {})}
            return self.send(stage, problem(int(kind), 'rateLimited' if kind == '429' else 'serverInternal', **headers))
        if kind == 'badnonce':
            return self.send(stage, problem(400, 'badNonce', **self.fresh_nonce()))
        if kind == 'problem':
            return self.send(stage, problem(400, value, **self.fresh_nonce()))
        if stage == 'renewalinfo':
            return self.renewal_info(kind, value)
        if stage == 'neworder':
            refusal = self.refusal(payload_of(body), kind, value)
            if refusal:
                return self.send(stage, refusal)
        answer = self.upstream(self.command, self.path, body)
        if stage == 'directory':
            self.improve(answer)
        self.spoil(answer, stage, kind, value)
        if kind == 'lost':  # after it was done
            return self.cut(stage)
        if kind == 'cutbody':
            return self.cut(stage, answer)
        if kind == 'drip':
            return self.drip(stage, answer, float(value or 0.002))
        self.send(stage, answer)

    def renewal_info(self, kind, value):
        if not faults.ari:
            return self.send('renewalinfo', problem(404, 'malformed'))
        start, end, wait = faults.ari
        window = {'suggestedWindow': {'start': rfc3339(start), 'end': rfc3339(end)}}
        headers = {'Content-Type': 'application/json', 'Retry-After': str(wait)}
        answer = Answer(200, headers, json.dumps(window).encode())
        self.spoil(answer, 'renewalinfo', kind, value)
        self.send('renewalinfo', answer)

    def refusal(self, order, kind, value):
        note = [f'{key}={order[key]}' for key in ('profile', 'replaces') if key in order]
        if note:
            log('ORDER', *note)
        if kind == 'alreadyreplaced' and 'replaces' in order:
            return problem(409, 'alreadyReplaced', **self.fresh_nonce())
        if kind == 'replaces' and 'replaces' in order:  # STATUS, and TYPE unless the CA explains nothing
            status, _, type_ = value.partition(':')
            return problem(int(status), type_, **self.fresh_nonce()) if type_ else Answer(int(status), self.fresh_nonce(), b'')
        if 'profile' in order and order['profile'] not in faults.profiles:
            return problem(400, 'invalidProfile', **self.fresh_nonce())
        return None

    def improve(self, answer):
        directory = answer.json()
        base = directory['newOrder'].rsplit('/', 1)[0]
        if faults.ari:
            directory['renewalInfo'] = base + '/renewal-info'
        if faults.profiles:
            directory.setdefault('meta', {})['profiles'] = {name: 'a profile' for name in faults.profiles}
        answer.replace(directory)

    def spoil(self, answer, stage, kind, value):
        if kind == 'html':
            answer.headers['Content-Type'] = 'text/html'
            answer.body = b'<html><head><title>502 Bad Gateway</title></head></html>'
        elif kind == 'type':
            answer.headers['Content-Type'] = 'text/html; charset=latin1'
        elif kind == 'empty':
            answer.body = b''
        elif kind == 'oversize':
            answer.body += b' ' * (1 << 20)
        elif kind == 'deep':
            answer.body = b'{"a":' + b'[' * 100000 + b']' * 100000 + b'}'
        elif kind == 'wide':
            answer.body = json.dumps({'authorizations': [0] * 80000}).encode()
        elif kind == 'binary':
            answer.body = bytes(range(256)) * 4
        elif kind == 'redirect':
            answer.status = 307
            answer.headers['Location'] = 'https://evil.test/'
        elif kind == 'nononce':
            answer.headers.pop('Replay-Nonce', None)
        elif kind == 'clock':  # so many seconds from ours
            answer.headers['Date'] = email.utils.formatdate(time.time() + int(value), usegmt=True)
        elif kind == 'retryafter':
            answer.headers['Retry-After'] = value
        elif kind == 'file':
            with open(value, 'rb') as file:
                answer.body = file.read()
        elif kind == 'append':
            with open(value, 'rb') as file:
                answer.body = answer.body.split(b'-----END CERTIFICATE-----')[0] + b'-----END CERTIFICATE-----\n' + file.read()
        elif kind in ('set', 'token', 'fields', 'stuck') and stage not in ('nonce', 'certificate'):
            self.change(answer, kind, value)

    def change(self, answer, kind, value):
        document = answer.json()
        if kind == 'set':
            name, _, text = value.partition('=')
            document[name] = json.loads(text)
        elif kind == 'token':
            for challenge in document.get('challenges', []):
                challenge['token'] = json.loads(value)
        elif kind == 'fields':
            document.update({'x-new': {'deep': [1, 2, {'a': None}]}, 'é': '\u202e', 'status2': 7})
            for challenge in document.get('challenges', []):
                challenge['future'] = True
            if 'challenges' in document:
                document['challenges'].append({'type': 'dns-persist-01', 'accounturi': 5})
        elif kind == 'stuck' and document.get('status') in ('ready', 'processing', 'valid'):
            document['status'] = 'processing'
            document.pop('certificate', None)
        answer.replace(document)

    def send(self, stage, answer):
        log(self.command, stage, answer.status)
        self.send_response_only(answer.status)
        for name, text in answer.headers.items():
            self.send_header(name, text)
        self.send_header('Content-Length', str(len(answer.body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(answer.body)

    def head(self, answer):
        lines = [f'HTTP/1.1 {answer.status} x'] + [f'{name}: {text}' for name, text in answer.headers.items()]
        return '\r\n'.join(lines + [f'Content-Length: {len(answer.body)}', '', '']).encode()

    def drip(self, stage, answer, seconds):
        log(self.command, stage, 'drip')
        for byte in self.head(answer) + answer.body:
            self.wfile.write(bytes([byte]))
            time.sleep(seconds)

    def cut(self, stage, answer=None):
        log(self.command, stage, 'cut')
        if answer:
            self.wfile.write(self.head(answer) + answer.body[:len(answer.body) // 2])
        self.close_connection = True
        # A reset, not a polite end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.connection.close()


def log(*words):
    with log_lock, open(options.log, 'a') as file:
        print(*words, file=file)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def finish_request(self, request, client_address):
        request.settimeout(90)
        request.do_handshake()
        super().finish_request(request, client_address)

    def handle_error(self, *_):
        pass


parser = argparse.ArgumentParser()
for option in ('listen', 'upstream', 'certificate', 'key', 'faults', 'log'):
    parser.add_argument('--' + option, required=True)
options = parser.parse_args()
faults, log_lock = Faults(options.faults), threading.Lock()
address, number = options.listen.rsplit(':', 1)
server = Server((address, int(number)), Handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(options.certificate, options.key)
server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
