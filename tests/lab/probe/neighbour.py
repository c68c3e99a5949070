#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# A neighbour on the host's link that sends whatever frames it likes: does the host let it at its loopback?
#
#   neighbour.py NAMESPACE INTERFACE OWN-ADDRESS HOST-ADDRESS HOST-MAC
#
# Run in the host's namespace; it listens there on 127.0.0.1 and, by UDP, on every address, then goes over to the
# neighbour's. Prints `service=reached|silent`: is a connection to 127.0.0.1 answered? and
# `spoofed=delivered|lost`: does a datagram arrive that says it comes from 127.0.0.2? Exit status 2 when an honest
# datagram does not arrive either: then neither word means anything.
import ctypes
import os
import select
import socket
import struct
import sys
import time

TCP_PORT, UDP_PORT = 6379, 5353
space, interface, own, host, mac = sys.argv[1:6]

service = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
service.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
service.bind(("127.0.0.1", TCP_PORT))
service.listen()
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("0.0.0.0", UDP_PORT))

libc = ctypes.CDLL(None, use_errno=True)
if libc.setns(os.open(space, os.O_RDONLY), 0x40000000) != 0:
    sys.exit("setns: " + os.strerror(ctypes.get_errno()))
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
wire.bind((interface, 0x0800))
ethernet = bytes.fromhex(mac.replace(":", "")) + wire.getsockname()[4] + b"\x08\x00"


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def send(source, target, protocol, payload):
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    at = 16 if protocol == socket.IPPROTO_TCP else 6
    pseudo = ends + struct.pack("!BBH", 0, protocol, len(payload))
    payload = payload[:at] + struct.pack("!H", checksum(pseudo + payload)) + payload[at + 2:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), os.getpid() & 0xFFFF, 0, 64, protocol, 0) + ends
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    wire.send(ethernet + header + payload)


def datagram(source, word):
    send(source, host, socket.IPPROTO_UDP, struct.pack("!HHHH", 40000, UDP_PORT, 8 + len(word), 0) + word)


def heard(seconds):
    """The datagrams that arrive, and whether a frame of the service's does."""
    words, answered, until = [], False, time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        for source in select.select([datagrams, wire], [], [], left)[0]:
            if source is datagrams:
                words.append(source.recv(64))
                continue
            frame = source.recv(2048)
            answered |= frame[23] == socket.IPPROTO_TCP and struct.unpack("!H", frame[34:36])[0] == TCP_PORT
    return words, answered


datagram("127.0.0.2", b"spoofed")
port = 30000 + os.getpid() % 30000
send(own, "127.0.0.1", socket.IPPROTO_TCP, struct.pack("!HHIIBBHHH", port, TCP_PORT, 1, 0, 0x50, 2, 64000, 0, 0))
datagram(own, b"honest")
words, answered = heard(0.05)
if b"honest" not in words:
    more, answered_late = heard(2)
    words, answered = words + more, answered or answered_late
print("service=reached" if answered else "service=silent", "spoofed=delivered" if b"spoofed" in words else "spoofed=lost")
sys.exit(0 if b"honest" in words else 2)
