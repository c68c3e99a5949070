#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Certificates that an earlier run has issued and installed, made by hand: fleet.py COUNT CONFIG STATE PAIRS UID

Writes a configuration with COUNT certificates, the worker's state directory for them, and the pairs as the broker would
have installed them, with what the worker remembers of how they looked."""
import hashlib
import os
import struct
import sys
import time

count, config, state, pairs, uid = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
FILES = ['privkey.pem', 'cert.pem', 'chain.pem', 'fullchain.pem', 'combined.pem']


def seen(path, follow):
    try:
        s = os.stat(path) if follow else os.lstat(path)
    except OSError as error:
        return struct.pack('<10Q', error.errno, *[0] * 9)
    return struct.pack('<10Q', 0, s.st_dev, s.st_ino, s.st_size, s.st_mode << 32 | s.st_uid, s.st_gid,
                       s.st_mtime_ns // 10**9, s.st_mtime_ns % 10**9, s.st_ctime_ns // 10**9, s.st_ctime_ns % 10**9)


def digest(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def write(path, text):
    with open(path, 'w') as file:
        file.write(text)


os.umask(0o077)
now = int(time.time())
for place in (state, state + '/accounts', state + '/certificates'):
    os.makedirs(place, exist_ok=True)
os.makedirs(pairs, exist_ok=True)
os.chmod(pairs, 0o755)
chain = '-----BEGIN CERTIFICATE-----\n' + 'x' * 64 * 40 + '\n-----END CERTIFICATE-----\n'
sections = ['[ca lab]\ndirectory = https://ca.test:14000/dir\nagree = yes\n']
for i in range(count):
    name = f'site{i}.test'
    sections.append(f'[certificate {name}]\nnames = {name} www.{name}\nca = lab\nopening = http\ninstall = {name}\n')
    directory = f'{pairs}/{name}'
    os.makedirs(directory + '/1')
    os.symlink('1', directory + '/live')
    for file in FILES[:4]:
        write(f'{directory}/1/{file}', 'x')
    for place in (directory, directory + '/1'):
        os.chmod(place, 0o755)
    look = seen(directory + '/live', False) + b''.join(seen(f'{directory}/live/{file}', True) for file in FILES)
    kept = f'{state}/certificates/{name}'
    os.mkdir(kept)
    write(kept + '/chain.pem', chain)
    write(kept + '/state', f'certlatch-state 1\nca lab\nnames {name} www.{name}\nissued {now}\nnot-before {now}\n'
          f'not-after {now + 90 * 86400}\nfingerprint {digest(chain.encode())}\ninstalled {name}\n'
          f'live {name} {digest(look)} {directory}\n')
    os.chown(kept, uid, uid)
    for file in ('chain.pem', 'state'):
        os.chown(f'{kept}/{file}', uid, uid)
for place in (state, state + '/accounts', state + '/certificates'):
    os.chown(place, uid, uid)
# The broker has been asked today whether it sees it likewise.
write(state + '/looked-over', '')
os.chown(state + '/looked-over', uid, uid)
write(config, '\n'.join(sections))
os.chmod(config, 0o644)
