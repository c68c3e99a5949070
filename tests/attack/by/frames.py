# SPDX-License-Identifier: MIT
"""Frames cut at every byte, of every length there is, one byte a second; descriptors that come along."""

import array
import os
import select
import socket
import time

from taken_over import AFTER_THE_END, GONE, GREETED, SOCKET, TOO_MUCH, ends, expect_end, tell, violation
from wire import Connection, close, frame, hello, install, open_, restart, stage, status, status_of, u32

CUT = "in the middle of a frame"
REQUESTS = {
    "Hello": (hello(), False),
    "Open": (open_("http"), True),
    "Close": (close(7), True),
    "Install": (install("example.test", "-----BEGIN CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\n"), True),
    "Restart": (restart("counted"), True),
    "Status": (status(), True),
    "StatusOf": (status_of("example.test", "no such entry", ""), True),
    "Stage": (stage("example.test", "-----BEGIN CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\n"), True),
}
for name, (request, greet) in REQUESTS.items():
    for size in range(1, len(request)):
        ends(f"{name} cut after {size} bytes", request[:size], CUT, greet, cut=True)
whole = install("example.test", "C" * 30000, "K" * 30000)
for size in (20, 4095, 4096, 32768, 60000, len(whole) - 1):
    ends(f"a large Install cut after {size} bytes", whole[:size], CUT, cut=True)

for greet in (False, True):
    for size in (0, 65537, 65540, 0x20000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF):
        ends(f"a frame of {size} bytes", u32(size) + bytes(16), f"a frame of {size} bytes", greet)
    ends("a stream of zeros", bytes(4096), "a frame of 0 bytes", greet)
    ends("a stream of ones", b"\xff" * 4096, "a frame of 4294967295 bytes", greet)
ends("text", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "a frame of", greet=False)
ends("TLS", bytes.fromhex("1603010200010001fc0303") + bytes(64), "a frame of", greet=False, cut=True)
# The largest frame that may be: read whole, and then found to be nothing.
ends("64 KiB of nothing", frame(b"\x04" + b"\xff" * 65535), TOO_MUCH)
ends("64 KiB of an empty name", frame(b"\x04" + bytes(65535)), AFTER_THE_END)


def with_descriptors(name, data, count, greet=True, opened=lambda: os.open("/etc/passwd", os.O_RDONLY)):
    descriptors = [opened() for _ in range(count)]
    connection = Connection(SOCKET)
    if greet:
        connection.greet()
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    connection.socket.sendmsg([data], rights)
    for descriptor in descriptors:
        os.close(descriptor)
    wrong = expect_end(connection)
    connection.leave()
    tell(name, [GREETED] * greet + [violation("a file descriptor came")], wrong)


for name, (request, greet) in REQUESTS.items():
    for count in (1, 2, 253):
        with_descriptors(f"{name} with {count} descriptors", request, count, greet)
    with_descriptors(f"the first byte of {name} with a descriptor", request[:1], 1, greet)
with_descriptors("a Unix socket passed along", status(), 1, opened=lambda: socket.socket(socket.AF_UNIX).detach())
with_descriptors("a descriptor for / passed along", status(), 1, opened=lambda: os.open("/", os.O_RDONLY))


def at_once(connections, late, what):
    """Those that are too slow are ended, after five seconds and not long after; others are served meanwhile."""
    began, ended = time.monotonic(), {}
    serving = Connection(SOCKET).greet()
    worst = 0.0
    while len(ended) < len(connections) and time.monotonic() - began < 9:
        for connection in connections:
            if connection not in ended and late:
                connection.send(late[: 1])
        late = late[1:]
        quiet = [c.socket for c in connections if c not in ended]
        for ready in select.select(quiet, [], [], 1)[0]:
            connection = next(c for c in connections if c.socket is ready)
            if expect_end(connection) is None:
                ended[connection] = time.monotonic() - began
        asked = time.monotonic()
        serving.send(status())
        serving.answer()
        worst = max(worst, time.monotonic() - asked)
    wrong = None
    if len(ended) < len(connections):
        wrong = f"{len(connections) - len(ended)} connections were not ended"
    elif min(ended.values()) < 4.9 or max(ended.values()) > 8:
        wrong = f"ended after {min(ended.values()):.1f} to {max(ended.values()):.1f} s"
    elif worst > 1:
        wrong = f"another connection waited {worst:.1f} s"
    serving.leave()
    tell(what, [GREETED] * (len(connections) + 1) + [violation("did not arrive whole in time")] * len(connections) + [GONE],
         wrong, unordered=True, count=len(connections))


slow = [Connection(SOCKET).greet() for _ in range(15)]
for number, connection in enumerate(slow):
    connection.send(whole[: 4 + number % 7])
at_once(slow, bytes(20), "one byte a second, fifteen at once")
