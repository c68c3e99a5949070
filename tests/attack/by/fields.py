# SPDX-License-Identifier: MIT
"""Every field wrong: unknown, empty, over-long, not UTF-8, with NUL, like a path, an option or a shell's line, negative,
huge; and sizes and counts that lie about what follows."""

import struct

from taken_over import (GONE, GREETED, SOCKET, allowed, done, ends, expect_end, is_refused, refusal, tell, violation)
from wire import (CLOSE, HELLO, INSTALL, OPEN, RESTART, STATUS, Connection, Refusal, close, frame, install, open_, restart,
                  stage, text, u8, u32, u64)

NAMES = [
    "", " ", "http ", " http", "HTTP", "Http", "https", "80", "-1", "0", "*", "?", "%s%n", "http\n", "http\t", "http\0",
    "\0", "http\0\0\0", "http\r\nopen", "-", "--", "--help", "-rf", "--policy=/tmp/x", "/", "//", ".", "..", "../http",
    "./http", "http/", "/etc/passwd", "/etc/shadow", "../../../../etc/shadow", "live", "live/../..", "0", "1",
    "open http", "[open http]", "open_http", "http]", "http#", "http;", "http; nft flush ruleset", "$(reboot)",
    "`reboot`", "|reboot", "&& reboot", "inet filter input", "filter", "input", "eth0", "lo", "certlatch", "root",
    "nginx.service", "sshd.service", "ssh", "dbus", "systemd-journald.service", "-.mount", "/bin/sh", "/bin/false",
    "sh -c id", "worker", "broker", "audit", "\x7f", "\x1b[2J", "\xff".encode("latin1"), b"\xc0\xaf", b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80", b"\xfe\xff", b"http\xff", "h\u0442tp", "http\u200b", "\u202ehttp", "\ufeffhttp", "a" * 63,
    "a" * 64, "a" * 65, "a" * 255, "a" * 256, "%" * 256, b"\xff" * 256, "\"", "\\", "\" outcome=allowed x=\"",
    "time=2030 what=\"open http\" outcome=done", "http=", "=", "a=b",
]


def logged(name):
    """As docs/protocol.md has the log write it."""
    data = name.encode() if isinstance(name, str) else name
    out = ""
    for byte in data:
        out += "\\" + chr(byte) if byte in b'"\\' else chr(byte) if 32 <= byte <= 126 else "\\x%02x" % byte
    return out


for name in NAMES:
    shown = logged(name)
    short = len(name) <= 256
    is_refused(f"Open {shown[:40]}", open_(name), [refusal(f"open {shown}", "policy", "no line", None)], "no line")
    is_refused(f"Restart {shown[:40]}", restart(name), [refusal(f"service {shown}", "policy", "no line", None)], "no line")
    is_refused(f"Install {shown[:40]}", install(name, "chain", "key"),
               [refusal(f"install {shown}", "policy", "no line", None)], "no line")
    is_refused(f"Stage {shown[:40]}", stage(name, "chain", "key"),
               [refusal(f"install {shown}", "policy", "no line", None)], "no line")

# An entry of another kind is none of this kind.
for name in ("example.test", "wild", "led", "counted", "failing"):
    is_refused(f"Open {name}", open_(name), [refusal(f"open {name}", "policy", "no line")])
for name in ("http", "example.test", "wild", "led"):
    is_refused(f"Restart {name}", restart(name), [refusal(f"service {name}", "policy", "no line")])
for name in ("http", "counted", "failing", "slow"):
    is_refused(f"Install {name}", install(name, "", ""), [refusal(f"install {name}", "policy", "no line")])

# A name beyond the largest message of its kind is not even read.
for size in (257, 300, 1000, 65000):
    ends(f"Open with a name of {size} bytes", open_("a" * size), "longer than its kind may be")
    ends(f"Restart with a name of {size} bytes", restart("a" * size), "longer than its kind may be")

# Sizes that lie: more than there is, by one, by much, by what an addition could wrap around.
LIES = (5, 6, 255, 1 << 16, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFB, 0xFFFFFFFC, 0xFFFFFFFF)
for size in LIES:
    ends(f"Open, {size} for a name of 4", frame(u8(OPEN) + u32(size) + b"http" + u32(0)[: 0 if size == 5 else 4]), "")
    ends(f"Restart, {size} for a name of 4", frame(u8(RESTART) + u32(size) + b"fail"), "")
    ends(f"Install, {size} for the entry", frame(u8(INSTALL) + u32(size) + b"wild" + text("c")[:1]), "")
    ends(f"Install, {size} for the chain", frame(u8(INSTALL) + text("wild") + u32(size) + b"PEM\n"), "")
    ends(f"Install, {size} for the key", frame(u8(INSTALL) + text("wild") + text("PEM") + u32(size) + b"PEM\n"), "")
for size in (0, 1, 2, 3):
    ends(f"Restart, {size} for a name of 4", frame(u8(RESTART) + u32(size) + b"fail"), "")
    ends(f"Install, {size} for the key", frame(u8(INSTALL) + text("wild") + text("PEM") + u32(size) + b"PEM\n"), "")

# Messages that are shorter or longer than their fields.
for name, message in {
    "Hello without a version": (u8(HELLO), False), "Hello with three bytes": (u8(HELLO) + bytes(3), False),
    "Hello with five bytes": (u8(HELLO) + bytes(5), False), "Open of nothing": (u8(OPEN), True),
    "Open without seconds": (u8(OPEN) + text("http"), True), "Open with a byte more": (u8(OPEN) + text("http") + bytes(5), True),
    "Close of nothing": (u8(CLOSE), True), "Close of seven bytes": (u8(CLOSE) + bytes(7), True),
    "Close of nine bytes": (u8(CLOSE) + bytes(9), True), "Install of nothing": (u8(INSTALL), True),
    "Install without a key": (u8(INSTALL) + text("wild") + text("PEM"), True),
    "Install with something after the key": (u8(INSTALL) + text("wild") + text("PEM") + text("PEM") + b"\0", True),
    "Restart of nothing": (u8(RESTART), True), "Restart with a byte more": (u8(RESTART) + text("failing") + b"\0", True),
    "Status with a byte": (u8(STATUS) + b"\0", True), "Status with a name": (u8(STATUS) + text("http"), True),
}.items():
    ends(name, frame(message[0]), "", greet=message[1])

# Numbers: a lease that never was is over already, whatever its number; none of it reaches the log.
for lease in (0, 1, 2, 255, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
    connection = Connection(SOCKET).greet()
    connection.send(close(lease))
    wrong = None if connection.answer()[0] == 0x80 | CLOSE else "not Closed"
    connection.leave()
    tell(f"Close {lease}", [GREETED, GONE], wrong)

# Whatever length is asked for, `at most` bounds it; nothing needs to listen on the high port.
for seconds in (0, 1, 60, 61, 1 << 31, (1 << 32) - 1):
    connection = Connection(SOCKET).greet()
    connection.send(open_("http", seconds))
    answer = connection.answer()
    granted = 0 if isinstance(answer, Refusal) else struct.unpack_from("<QI", answer, 1)[1]
    wrong = None if granted == min(seconds or 60, 60) else f"opened for {granted} s"
    connection.leave()
    tell(f"Open for {seconds} s", [GREETED, allowed("open http"), done("open http"), {**GONE, "says": "shut"}], wrong,
         changes=True)
