# SPDX-License-Identifier: MIT
"""Every request out of turn, and everything that is no request."""

from taken_over import GONE, GREETED, SOCKET, ends, expect_end, refusal, tell, violation
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
