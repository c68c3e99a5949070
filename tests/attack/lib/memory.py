# SPDX-License-Identifier: MIT
"""Root looks into every process of an issuance, again and again: who holds which key, and which descriptors?

    memory.py STATE PAIRS END

Until the file END exists. Keys are those found below the directories STATE and PAIRS, as soon as they are there; a key
is sought as the number itself, in either order of bytes, and as the lines of its PEM forms. Prints a line for each
process and key kind it was ever found in, and for each process how often it was looked at."""

import collections
import glob
import os
import re
import sys
import time

from cryptography.hazmat.primitives import serialization

STATE, PAIRS, END = sys.argv[1:]
needles = {}  # bytes: kind of key


def learn(path, kind):
    try:
        with open(path, "rb") as file:
            key = serialization.load_pem_private_key(file.read(), None)
    except (OSError, ValueError, TypeError):
        return
    number = key.private_numbers().private_value.to_bytes(32, "big")
    needles[number] = needles[number[::-1]] = kind
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        for line in text.splitlines():
            # Those that hold a part of the number: neither the frame of the block, nor what the public key has as well.
            if len(line) == 64 and b"-" not in line and line not in public:
                needles[line] = kind


def learn_all():
    for path in glob.glob(f"{STATE}/accounts/**/*", recursive=True):
        learn(path, "account")
    for path in glob.glob(f"{STATE}/certificates/*/privkey.pem") + glob.glob(f"{PAIRS}/*/*/privkey.pem"):
        if os.path.basename(os.path.dirname(path)) != "0":  # the old pair, which no program of ours has seen
            learn(path, "certificate")


def name_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
        program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return None
    if program == "certlatch":
        return words[2].decode() if words[1:2] == [b"role"] else "main"
    return program if program in ("certlatchd", "certlatch-inspector", "certlatch-runner") else None


def memory(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as file:
        for line in maps:
            begin, end, rights, inode = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)", line).groups()
            begin, end = int(begin, 16), int(end, 16)
            # What cannot be written is as it was read from a program's file, unless there is no file: that was written
            # before. Beyond 64 MiB are the sanitizers' own books.
            may_hold = rights.startswith("rw") or (rights.startswith("r") and inode == "0")
            if not may_hold or end - begin > 64 << 20:
                continue
            try:
                file.seek(begin)
                yield file.read(end - begin)
            except (OSError, ValueError):
                pass  # gone meanwhile, or the kernel's own


def descriptors(pid):
    """Kinds of descriptors: `network`, and every file below the worker's state."""
    inodes = set()
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        with open(f"/proc/net/{table}") as file:
            inodes |= {line.split()[9] for line in file.readlines()[1:]}
    found = set()
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{entry}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:[") and target[8:-1] in inodes:
            found.add("network")
        if (target + "/").startswith(STATE + "/"):
            found.add("state")
    return found


looks, holders, held = collections.Counter(), collections.Counter(), collections.Counter()
while not os.path.exists(END):
    learn_all()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        name = name_of(pid)
        if name is None:
            continue
        try:
            kinds = {kind for part in memory(pid) for needle, kind in needles.items() if needle in part}
            for what in descriptors(pid):
                held[name, what] += 1
        except (OSError, ValueError):
            continue
        looks[name] += 1
        for kind in kinds:
            holders[name, kind] += 1
    time.sleep(0.005)
for name, count in sorted(looks.items()):
    print("looked", name, count)
for (name, kind), count in sorted(holders.items()):
    print("key", kind, name, count)
for (name, what), count in sorted(held.items()):
    print("descriptor", what, name, count)
