# SPDX-License-Identifier: MIT
"""The broker's protocol, written from docs/protocol.md alone: nothing of protocol/ is used, so that the page and the
code check each other. What an honest worker would never send can be written as easily as what it would."""

import socket
import struct

HELLO, OPEN, CLOSE, INSTALL, RESTART, STATUS, STAGE, STATUS_OF = range(1, 9)
REFUSED = 255
MAX_MESSAGE = 65536
REASONS = ["policy", "budget", "conflict", "pair", "check", "command", "host"]

# Of each line of a key that was sent: so many bytes must not turn up in a log.
SECRET_BYTES = 24
secrets = set()


def remember(key):
    """A key goes out: the body of its PEM is what nobody may write down."""
    for line in (key.decode("latin1") if isinstance(key, bytes) else key).splitlines():
        piece = line.rstrip("=")[-SECRET_BYTES:]
        if len(piece) == SECRET_BYTES and not line.startswith("-----"):
            secrets.add(piece)
    return key


def u8(number):
    return struct.pack("<B", number)


def u32(number):
    return struct.pack("<I", number)


def u64(number):
    return struct.pack("<Q", number)


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return u32(len(value)) + value


def frame(message):
    return u32(len(message)) + message


def hello(version=1):
    return frame(u8(HELLO) + u32(version))


def open_(entry, seconds=0):
    return frame(u8(OPEN) + text(entry) + u32(seconds))


def close(lease):
    return frame(u8(CLOSE) + u64(lease))


def install(entry, chain, key):
    return frame(u8(INSTALL) + text(entry) + text(chain) + text(remember(key)))


def stage(entry, chain, key):
    return frame(u8(STAGE) + text(entry) + text(chain) + text(remember(key)))


def restart(entry):
    return frame(u8(RESTART) + text(entry))


def status():
    return frame(u8(STATUS))


def status_of(*entries):
    return frame(u8(STATUS_OF) + u32(len(entries)) + b"".join(text(entry) for entry in entries))


class Ended(Exception):
    """The broker has ended the connection."""


class Refusal:
    def __init__(self, message):
        reason, self.line, size = struct.unpack_from("<BII", message, 1)
        self.reason = REASONS[reason]
        self.sentence = message[10 : 10 + size].decode()
        (output,) = struct.unpack_from("<I", message, 10 + size)
        self.output = message[14 + size :]
        if len(self.output) != output:
            raise ValueError("a Refused whose sizes do not fit")


class Connection:
    def __init__(self, path, seconds=20):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(path)

    def send(self, data):
        """True unless the broker has gone before it took everything."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def receive(self, count):
        data = b""
        while len(data) < count:
            try:
                part = self.socket.recv(count - len(data))
            except ConnectionResetError:
                part = b""
            if not part:
                raise Ended()
            data += part
        return data

    def answer(self):
        (size,) = struct.unpack("<I", self.receive(4))
        if not 1 <= size <= MAX_MESSAGE:
            raise ValueError("an answer of %d bytes" % size)
        message = self.receive(size)
        return Refusal(message) if message[0] == REFUSED else message

    def greet(self):
        self.send(hello())
        message = self.answer()
        if message[0] != 0x80 | HELLO:
            raise ValueError("no HelloAnswer")
        return self

    def leave(self):
        self.socket.close()
