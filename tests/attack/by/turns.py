# SPDX-License-Identifier: MIT
"""Every request out of turn, every request twice, and everything that is no request."""

import os
import struct

from pairs import Authority, Pair
from taken_over import AUTHORITY, GONE, GREETED, SOCKET, allowed, done, ends, expect_end, refusal, tell, violation
from wire import (CLOSE, HELLO, INSTALL, OPEN, RESTART, STAGE, STATUS, STATUS_OF, Connection, Refusal, close, frame, hello,
                  install, open_, restart, stage, status, status_of, u8, u32)

REQUESTS = {
    "Open": open_("http"),
    "Close": close(1),
    "Install": install("example.test", "chain", "key"),
    "Restart": restart("counted"),
    "Status": status(),
    "Stage": stage("example.test", "chain", "key"),
    "StatusOf": status_of("example.test"),
}

for name, request in REQUESTS.items():
    ends(f"{name} before Hello", request, "the first request is not Hello", greet=False)
    ends(f"{name} before Hello, twice", request * 2, "the first request is not Hello", greet=False)
ends("Hello twice", hello(), "a second Hello")
ends("Hello thrice at once", hello() * 2, "a second Hello")
ends("another version after Hello", hello(2), "a second Hello")

for version in (0, 2, 3, 255, 256, 1 << 16, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
    connection = Connection(SOCKET)
    connection.send(hello(version))
    answer = connection.answer()
    wrong = None if isinstance(answer, Refusal) and answer.reason == "policy" else f"not refused: {answer!r}"
    # It has not been greeted: nothing else may be said yet, Hello may.
    connection.send(hello())
    if connection.answer()[0] != 0x81:
        wrong = "no Hello after a refused one"
    connection.leave()
    tell(f"version {version}", [refusal("hello", "policy", "version"), GREETED, GONE], wrong)

    connection = Connection(SOCKET)
    connection.send(hello(version))
    connection.answer()
    connection.send(open_("http"))
    wrong = expect_end(connection)
    connection.leave()
    tell(f"Open after version {version}", [refusal("hello", "policy"), violation("the first request is not Hello")], wrong)

KNOWN = {HELLO, OPEN, CLOSE, INSTALL, RESTART, STATUS, STAGE, STATUS_OF}
for tag in set(range(256)) - KNOWN:
    ends(f"tag {tag}", frame(u8(tag)), "a request of an unknown kind")
    ends(f"tag {tag} before Hello", frame(u8(tag) + u32(1)), "a request of an unknown kind", greet=False)
    if tag >= 128:
        ends(f"an answer of tag {tag}", frame(u8(tag) + bytes(60)), "a request of an unknown kind")


# ---- twice on one connection, after Hello: the second is answered for what it is then

def said(answer):
    """What an answer says: its tag, or the reason and the sentence of a refusal."""
    return f"{answer.reason}: {answer.sentence}" if isinstance(answer, Refusal) else f"{answer[0]:#x}"


def twice(what, requests, expected, log, end=GONE, at_once=False, **more):
    """`expected`: what each answer's said() begins with. Asked one after the other, or before any answer is read."""
    connection = Connection(SOCKET).greet()
    answers = []
    if at_once:
        connection.send(b"".join(requests))
    for request in requests:
        if not at_once:
            connection.send(request)
        answers.append(connection.answer())
    wrong = None
    for answer, begin in zip(answers, expected):
        if not said(answer).startswith(begin):
            wrong = wrong or f"not {begin}: {said(answer)}"
    connection.leave()
    tell(what + ", at once" * at_once, [GREETED] + log + [end], wrong, **more)
    return answers


def versions(answers):
    return [struct.unpack_from("<I", answer, 1)[0] for answer in answers]


def live(entry):
    return int(os.readlink(f"/etc/ssl/certlatch/{entry}/live"))


pair = Pair(Authority.load(AUTHORITY), ["example.test"])
restarts = 0
for at_once in (False, True):
    again = "conflict: opening `http` is open already"
    twice("the same entry opened twice", [open_("http")] * 2, ["0x82", again],
          [allowed("open http"), done("open http"), allowed("open http"), refusal("open http", "conflict", "is open already")],
          {**GONE, "says": "shut"}, at_once, changes=True)
    answers = twice("the same pair installed twice", [install("example.test", pair.chain, pair.key)] * 2, ["0x84"] * 2,
                    [allowed("install example.test"), done("install example.test")] * 2, at_once=at_once, changes=True)
    first, second = versions(answers)
    tell("each is a version of its own", [], None if second == first + 1 == live("example.test") else f"{first}, {second}")
    # What is staged anew undoes what was staged before; both are undone with the connection.
    twice("the same pair staged twice", [stage("example.test", pair.chain, pair.key)] * 2, ["0x84"] * 2,
          [allowed("install example.test"), done("install example.test")] * 2, {**GONE, "says": "undone: example.test"}, at_once,
          changes=True)
    tell("what was staged twice is undone", [], None if live("example.test") == second else f"{live('example.test')} is live")
    restarts += 2
    twice("the same service restarted twice", [restart("counted")] * 2, ["0x85"] * 2,
          [allowed("service counted"), done("service counted")] * 2, at_once=at_once, runs=restarts)
    for what, request in (("Status", status()), ("StatusOf", status_of("led", "example.test"))):
        answers = twice(f"{what} twice", [request] * 2, ["0x86"] * 2, [], at_once=at_once)
        tell(f"{what} says the same twice", [], None if answers[0] == answers[1] else f"{answers}")
    # And what is refused is refused twice: a refusal does not end the connection, nor does it change anything.
    twice("an unknown entry twice", [open_("nothing"), install("nothing", "", ""), stage("nothing", "", ""), restart("nothing")] * 2,
          ["policy: "] * 8, [refusal("open nothing", "policy"), refusal("install nothing", "policy"),
                             refusal("install nothing", "policy"), refusal("service nothing", "policy")] * 2, at_once=at_once)

# A lease is closed once: the second time it is over already, and there is nothing to log.
connection, wrong = Connection(SOCKET).greet(), None
connection.send(open_("http"))
(lease,) = struct.unpack_from("<Q", connection.answer(), 1)
for _ in range(2):
    connection.send(close(lease))
    answer = connection.answer()
    if said(answer) != "0x83":
        wrong = f"not Closed: {said(answer)}"
# It may be opened again, under another number; that of the first does not close it.
connection.send(open_("http") + close(lease) + status())
(another,) = struct.unpack_from("<Q", connection.answer(), 1)
connection.answer()
if another == lease or struct.pack("<Q", another) + u32(4) + b"http" not in connection.answer():
    wrong = "the second lease was closed by the number of the first"
connection.leave()
tell("the same lease closed twice", [GREETED, allowed("open http"), done("open http"), done(f"close {lease}"),
                                     allowed("open http"), done("open http"), {**GONE, "says": "shut"}], wrong, changes=True)
