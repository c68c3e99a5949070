# SPDX-License-Identifier: MIT
"""What a broken broker could want to reach: sockets that anybody may write to, and a table that this process owns.
Says `ready`, then holds them until it is killed."""

import os
import socket
import struct
import sys
import time

held = []
for path, kind in (("/dev/log", socket.SOCK_DGRAM), ("/run/short", socket.SOCK_DGRAM), ("/run/lab/bus", socket.SOCK_STREAM)):
    at = socket.socket(socket.AF_UNIX, kind)
    at.bind(path)
    if kind == socket.SOCK_STREAM:
        at.listen()
    os.chmod(path, 0o777)
    held.append(at)


def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def message(kind, flags, sequence, family, resource, body=b""):
    return struct.pack("=IHHIIBBH", 20 + len(body), kind, 1 | flags, sequence, 0, family, 0, socket.htons(resource)) + body


# A table of family inet with the owner flag: it belongs to this socket alone.
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
table = attribute(1, b"owned\0") + attribute(2, struct.pack(">I", 2))
netlink.send(message(16, 0, 1, 0, 10) + message(10 << 8, 0x404, 2, 1, 0, table) + message(17, 0, 3, 0, 10))
if struct.unpack_from("=i", netlink.recv(4096), 16)[0] != 0:
    sys.exit("no table of its own")
print("ready", flush=True)
while True:
    time.sleep(1000)
