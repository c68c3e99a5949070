# SPDX-License-Identifier: MIT
"""Every field wrong: unknown, empty, over-long, not UTF-8, with NUL, like a path, an option or a shell's line, negative,
huge; and sizes and counts that lie about what follows."""

import struct

from taken_over import (AFTER_THE_END, ENDS_EARLY, GONE, GREETED, SOCKET, TOO_LONG, TOO_MUCH, allowed, done, ends,
                        is_refused, refusal, tell)
from wire import (CLOSE, HELLO, INSTALL, OPEN, RESTART, STAGE, STATUS, STATUS_OF, Connection, Refusal, close, frame,
                  install, open_, restart, stage, status_of, text, u8, u32)

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

# A list of entries: what the policy does not have is left out of the answer, and nothing of it is logged.
INSTALLS = ("example.test", "wild", "led", "rare")


def told(what, request, count):
    """A StatusAnswer that tells of so many install entries."""
    connection = Connection(SOCKET).greet()
    connection.send(request)
    answer = connection.answer()
    wrong = None
    if isinstance(answer, Refusal):
        wrong = f"refused: {answer.sentence}"
    elif answer[0] != 0x86 or struct.unpack_from("<I", answer, 1)[0] != count:
        wrong = f"not {count} installs: {answer[:5]!r}"
    connection.leave()
    tell(what, [GREETED, GONE], wrong)


for name in NAMES:
    told(f"StatusOf {logged(name)[:40]}", status_of(name), 0)
    told(f"StatusOf {logged(name)[:40]} and an entry", status_of(name, "led", name), 1)
told("StatusOf nothing, which is all", status_of(), len(INSTALLS))
told("StatusOf all", status_of(*INSTALLS), len(INSTALLS))
told("StatusOf an opening and a service", status_of("http", "counted", "open http", "install led"), 0)
told("StatusOf one, 5000 times", status_of(*["led"] * 5000), 1)
told("StatusOf as many as there is room for", frame(u8(STATUS_OF) + u32(16382) + text("") * 16382), 0)
told("StatusOf with a name as long as there is room for", status_of("a" * (65536 - 9)), 0)

# A name beyond the largest message of its kind is not even read.
for size in (257, 300, 1000, 65000):
    ends(f"Open with a name of {size} bytes", open_("a" * size), TOO_LONG)
    ends(f"Restart with a name of {size} bytes", restart("a" * size), TOO_LONG)


# Sizes that lie: more than there is, by one, by much, by what an addition could wrap around.
def lie(what, tag, before, size, rest):
    """The size stands between `before` and `rest`, and the fields that follow it are wanting when it fits."""
    ends(f"{what} is said to be {size}", frame(u8(tag) + before + u32(size) + rest),
         TOO_MUCH if size > len(rest) else ENDS_EARLY)


for size in (5, 6, 255, 1 << 16, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFB, 0xFFFFFFFC, 0xFFFFFFFF):
    lie("Open's name of 4", OPEN, b"", size, b"http" + u32(0)[: 0 if size == 5 else 4])
    lie("Restart's name of 4", RESTART, b"", size, b"fail")
    for kind, tag in (("Install", INSTALL), ("Stage", STAGE)):
        lie(f"{kind}'s entry of 4", tag, b"", size, b"wild" + text("c")[:1])
        lie(f"{kind}'s chain of 4", tag, text("wild"), size, b"PEM\n")
        lie(f"{kind}'s key of 4", tag, text("wild") + text("PEM"), size, b"PEM\n")
    # With five there are bytes enough, but not names.
    lie("StatusOf's list of one", STATUS_OF, b"", size, text("led"))
    lie("StatusOf's list of none", STATUS_OF, b"", size, b"")
    lie("StatusOf's name of 3", STATUS_OF, u32(1), size, b"led")
    lie("StatusOf's second name of 3", STATUS_OF, u32(2) + text("led"), size, b"led")
for size in (0, 1, 2, 3):
    ends(f"Restart, {size} for a name of 4", frame(u8(RESTART) + u32(size) + b"fail"), AFTER_THE_END)
    for kind, tag in (("Install", INSTALL), ("Stage", STAGE)):
        ends(f"{kind}, {size} for the key", frame(u8(tag) + text("wild") + text("PEM") + u32(size) + b"PEM\n"), AFTER_THE_END)
    ends(f"StatusOf, {size} for a name of 4", frame(u8(STATUS_OF) + u32(1) + u32(size) + b"wild"), AFTER_THE_END)
    ends(f"StatusOf, {size} of 4 names", frame(u8(STATUS_OF) + u32(size) + text("wild") * 4), AFTER_THE_END)

# Messages that are shorter or longer than their fields.
for name, (message, why) in {
    "Hello without a version": (u8(HELLO), ENDS_EARLY), "Hello with three bytes": (u8(HELLO) + bytes(3), ENDS_EARLY),
    "Hello with five bytes": (u8(HELLO) + bytes(5), TOO_LONG), "Open of nothing": (u8(OPEN), ENDS_EARLY),
    "Open without seconds": (u8(OPEN) + text("http"), ENDS_EARLY),
    "Open with a byte more": (u8(OPEN) + text("http") + bytes(5), AFTER_THE_END),
    "Close of nothing": (u8(CLOSE), ENDS_EARLY), "Close of seven bytes": (u8(CLOSE) + bytes(7), ENDS_EARLY),
    "Close of nine bytes": (u8(CLOSE) + bytes(9), TOO_LONG),
    "Restart of nothing": (u8(RESTART), ENDS_EARLY), "Restart with a byte more": (u8(RESTART) + text("failing") + b"\0", AFTER_THE_END),
    "Status with a byte": (u8(STATUS) + b"\0", TOO_LONG), "Status with a name": (u8(STATUS) + text("http"), TOO_LONG),
    "StatusOf of nothing": (u8(STATUS_OF), ENDS_EARLY), "StatusOf of a count's half": (u8(STATUS_OF) + bytes(2), ENDS_EARLY),
    "StatusOf with a byte more": (u8(STATUS_OF) + u32(1) + text("led") + b"\0", AFTER_THE_END),
    "StatusOf of nothing and a byte": (u8(STATUS_OF) + u32(0) + b"\0", AFTER_THE_END),
    **{f"{kind} {what}": (u8(tag) + fields, why) for kind, tag in (("Install", INSTALL), ("Stage", STAGE)) for what, fields, why in (
        ("of nothing", b"", ENDS_EARLY), ("without a key", text("wild") + text("PEM"), ENDS_EARLY),
        ("with something after the key", text("wild") + text("PEM") + text("PEM") + b"\0", AFTER_THE_END))},
}.items():
    ends(name, frame(message), why, greet=message[0] != HELLO)

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
