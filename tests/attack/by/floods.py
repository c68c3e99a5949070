# SPDX-License-Identifier: MIT
"""Much of everything: connections, requests without reading an answer, openings, installs, restarts."""

import os
import socket
import struct
import sys
import time

from pairs import Authority, Pair
from taken_over import (AUTHORITY, GONE, GREETED, SOCKET, allowed, done, refusal, tell, violation)
from wire import CLOSE, OPEN, RESTART, Connection, Ended, Refusal, close, hello, install, open_, restart, stage, status

FULL = "connections are open already"

# More connections than there may be, again and again; each beyond the sixteenth is closed, and counts in the log.
for turn in range(20):
    held = []
    for _ in range(16):
        held.append(Connection(SOCKET).greet())
    turned_away, wrong = 0, None
    for _ in range(20):
        extra = Connection(SOCKET)
        extra.send(hello())
        try:
            extra.answer()
            wrong = "a seventeenth connection is served"
        except Ended:
            turned_away += 1
        extra.leave()
    for connection in held:
        connection.leave()
    tell(f"sixteen connections and twenty more, turn {turn}",
         [GREETED] * 16 + [violation(FULL)] * turned_away + [GONE] * 16, wrong, unordered=True, count=36)

# Connections that say nothing, end at once, or are reset.
for turn in range(20):
    many = [Connection(SOCKET) for _ in range(10)]
    for connection in many:
        if turn % 2:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.leave()
    tell(f"ten connections that end at once, turn {turn}", [GONE] * 10, unordered=True, count=10)

# A thousand requests at once, and no answer is read until all are sent.
connection = Connection(SOCKET).greet()
connection.socket.settimeout(None)
total, sent = 500, 0
burst = open_("nothing") * total
taken = 0
connection.socket.setblocking(False)
until = time.monotonic() + 30
answers = b""
while taken < total and time.monotonic() < until:
    if sent < len(burst):
        try:
            sent += connection.socket.send(burst[sent:])
        except BlockingIOError:
            pass
    try:
        answers += connection.socket.recv(65536)
    except BlockingIOError:
        pass
    while len(answers) >= 4 and len(answers) >= 4 + struct.unpack("<I", answers[:4])[0]:
        answers = answers[4 + struct.unpack("<I", answers[:4])[0]:]
        taken += 1
connection.leave()
tell("five hundred requests at once", [GREETED] + [refusal("open nothing", "policy")] * total + [GONE],
     None if taken == total else f"{taken} answers", count=total)

# Requests whose answers are never read: the broker gives up on that connection, and nobody else waits for long.
connection = Connection(SOCKET).greet()
connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
count = 0
connection.socket.setblocking(False)
until = time.monotonic() + 2
while time.monotonic() < until:
    try:
        connection.socket.send(status())
        count += 1
    except BlockingIOError:
        time.sleep(0.01)
    except (BrokenPipeError, ConnectionResetError):
        break
began = time.monotonic()
other = Connection(SOCKET).greet()
other.send(status())
other.answer()
waited = time.monotonic() - began
other.leave()
tell("answers that are never read", [GREETED, violation("does not take the message"), GREETED, GONE],
     None if waited < 7 else f"another connection waited {waited:.1f} s", unordered=True)
connection.leave()

# Openings: opened and closed, or left to the end of the connection.
responder = socket.socket(socket.AF_INET6)
responder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
responder.bind(("::", 8080))
responder.listen()
connection, log, wrong = Connection(SOCKET).greet(), [GREETED], None
for _ in range(200):
    connection.send(open_("http", 1))
    answer = connection.answer()
    if isinstance(answer, Refusal):
        wrong = answer.sentence
        break
    (lease,) = struct.unpack_from("<Q", answer, 1)
    connection.send(close(lease))
    if connection.answer()[0] != 0x80 | CLOSE:
        wrong = "not Closed"
    log += [allowed("open http"), done("open http"), done(f"close {lease}")]
connection.leave()
tell("opened and closed two hundred times", log + [GONE], wrong, changes=True, count=200)
for turn in range(50):
    connection = Connection(SOCKET).greet()
    connection.send(open_("http"))
    answer = connection.answer()
    connection.leave()
    tell("opened and left", [GREETED, allowed("open http"), done("open http"), {**GONE, "says": "shut"}],
         getattr(answer, "sentence", None), changes=True)
# Two at once are one too many, and another connection's lease is not for this one to close.
first, second = Connection(SOCKET).greet(), Connection(SOCKET).greet()
first.send(open_("http"))
(lease,) = struct.unpack_from("<Q", first.answer(), 1)
wrong = None
for request, reason in ((open_("http"), "conflict"), (close(lease), "policy"), (open_("http", 1), "conflict")):
    second.send(request)
    answer = second.answer()
    if getattr(answer, "reason", "") != reason:
        wrong = f"another's lease: {answer!r}"
first.leave()
second.leave()
tell("another connection's lease",
     [GREETED] * 2 + [allowed("open http"), done("open http"), allowed("open http"), refusal("open http", "conflict"),
                      refusal(f"close {lease}", "policy"), allowed("open http"), refusal("open http", "conflict"),
                      {**GONE, "says": "shut"}, GONE], wrong, unordered=True, changes=True, count=3)
# What has a budget ends with it, and the refusal says when it begins again.
connection, log, wrong = Connection(SOCKET).greet(), [GREETED], None
for turn in range(30):
    connection.send(open_("rare", 1))
    answer = connection.answer()
    if turn < 2:
        if isinstance(answer, Refusal):
            wrong = answer.sentence
            break
        (lease,) = struct.unpack_from("<Q", answer, 1)
        connection.send(close(lease))
        connection.answer()
        log += [allowed("open rare"), done("open rare"), done(f"close {lease}")]
    else:
        if getattr(answer, "reason", "") != "budget" or "allowed again in 2" not in answer.sentence:
            wrong = f"beyond the budget: {getattr(answer, 'sentence', answer)}"
        log += [refusal("open rare", "budget", "allowed again in")]
connection.leave()
tell("opened thirty times with a budget of two", log + [GONE], wrong, changes=True, count=30)
responder.close()

# Restarts: the command runs as often as the budget says, and no more.
connection, log, wrong = Connection(SOCKET).greet(), [GREETED], None
for turn in range(100):
    connection.send(restart("counted"))
    answer = connection.answer()
    if turn < 5:
        log += [allowed("service counted"), done("service counted")]
        wrong = wrong or getattr(answer, "sentence", None)
    else:
        log += [refusal("service counted", "budget", "allowed again in")]
        wrong = wrong or (None if getattr(answer, "reason", "") == "budget" else "restarted beyond the budget")
connection.leave()
tell("a hundred restarts with a budget of five", log + [GONE], wrong, runs=5, count=100)
connection, log = Connection(SOCKET).greet(), [GREETED]
for turn in range(50):
    connection.send(restart("failing"))
    wrong = None if getattr(connection.answer(), "reason", "") == "command" else "not refused"
    log += [allowed("service failing"), refusal("service failing", "command")]
connection.leave()
tell("a command that fails, fifty times", log + [GONE], wrong, runs=5, count=50)
connection = Connection(SOCKET).greet()
connection.send(restart("slow"))
answer = connection.answer()
connection.leave()
tell("a command that does not end", [GREETED, allowed("service slow"), refusal("service slow", "command"), GONE],
     None if getattr(answer, "reason", "") == "command" else "not refused", runs=5)
# Whoever asks and goes away: what was begun is finished, once.
for turn in range(10):
    connection = Connection(SOCKET).greet()
    connection.send(restart("failing"))
    connection.leave()
    tell("a restart that nobody waits for", [GREETED, allowed("service failing"), refusal("service failing", "command"), GONE],
         unordered=True, runs=5)

# Installs: as many as the budget says, three versions stay; and pairs that are refused count as well.
authority = Authority.load(AUTHORITY)
pair = Pair(authority, ["rare.test"])
connection, log, wrong = Connection(SOCKET).greet(), [GREETED], None
for turn in range(60):
    connection.send(install("rare", pair.chain, pair.key))
    answer = connection.answer()
    if turn < 3:
        log += [allowed("install rare"), done("install rare")]
        wrong = wrong or getattr(answer, "sentence", None)
    else:
        log += [refusal("install rare", "budget", "allowed again in")]
        wrong = wrong or (None if getattr(answer, "reason", "") == "budget" else "installed beyond the budget")
connection.leave()
tell("sixty installs with a budget of three", log + [GONE], wrong, changes=True, runs=5, count=60)
pair = Pair(authority, ["example.test"])
connection, log, wrong = Connection(SOCKET).greet(), [GREETED], None
for turn in range(100):
    good = turn % 2 == 0
    connection.send(install("example.test", pair.chain, pair.key if good else "nonsense"))
    answer = connection.answer()
    log += [allowed("install example.test"), done("install example.test") if good else refusal("install example.test", "pair")]
    if isinstance(answer, Refusal) == good:
        wrong = f"turn {turn}: {getattr(answer, 'sentence', answer)}"
connection.leave()
tell("a hundred installs, every other one refused", log + [GONE], wrong, changes=True, runs=5, count=100)
# Staged pairs, which no check has seen: they are undone when the connection ends, and when another is staged.
live = lambda: os.readlink("/etc/ssl/certlatch/example.test/live")
for turn in range(30):
    before, wrong, log = live(), None, [GREETED]
    connection = Connection(SOCKET).greet()
    for _ in range(turn % 3 + 1):
        connection.send(stage("example.test", pair.chain, pair.key))
        wrong = wrong or getattr(connection.answer(), "sentence", None)
        log += [allowed("install example.test"), done("install example.test")]
    if live() == before:
        wrong = "nothing was staged: nothing is shown"
    connection.leave()
    until = time.monotonic() + 5
    while live() != before and time.monotonic() < until:
        time.sleep(0.001)
    if live() != before:
        wrong = "what was staged is live"
    tell("staged and left", log + [GONE], wrong, changes=True, runs=5)
versions = sorted(name for name in os.listdir("/etc/ssl/certlatch/example.test") if name.isdigit())
tell("only so many versions stay", [], None if len(versions) <= 3 else f"{versions}", runs=5)
# And still it serves.
connection = Connection(SOCKET).greet()
connection.send(status())
answer = connection.answer()
connection.leave()
tell("it still serves", [GREETED, GONE], None if answer[0] == 0x86 else "no status", runs=5)
