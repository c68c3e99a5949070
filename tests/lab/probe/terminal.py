# SPDX-License-Identifier: MIT
"""A command on a terminal of its own, and what it wrote there.

terminal.py FILE [--keys TEXT:HEX] COMMAND...   runs it; all that it writes goes to FILE. The keys are pressed when TEXT has been
                                                seen. The exit status is the command's.
terminal.py --screen FILE                       what such a FILE leaves on the screen.
"""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

COLUMNS, ROWS = 100, 30


def run(path, arguments):
    text, keys = None, b""
    if arguments[0] == "--keys":
        text, _, digits = arguments[1].rpartition(":")
        keys, arguments = bytes.fromhex(digits), arguments[2:]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(arguments[0], arguments)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    seen, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            some = os.read(terminal, 65536)
        except OSError:
            break
        if not some:
            break
        seen += some
        if text is not None and text.encode() in seen:
            os.write(terminal, keys)
            text = None
    with open(path, "wb") as file:
        file.write(seen)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def screen(path):
    """As much of a terminal as certlatch uses: carriage return, line feed, cursor up, erase below."""
    lines, row, column = [""], 0, 0
    with open(path, encoding="utf-8", newline="") as file:
        for part in re.findall(r"\x1b\[\d*[A-Z]|[^\x1b]", file.read()):
            if part.startswith("\x1b"):
                number, what = int(part[2:-1] or 1), part[-1]
                if what == "A":
                    row = max(0, row - number)
                elif what == "J":
                    del lines[row + 1 :]
                    lines[row] = lines[row][:column]
                continue
            if part == "\r":
                column = 0
            elif part == "\n":
                row += 1
                if row == len(lines):
                    lines.append("")
            else:
                lines[row] = lines[row].ljust(column)[:column] + part + lines[row][column + 1 :]
                column += 1
    return "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"


if sys.argv[1] == "--screen":
    sys.stdout.write(screen(sys.argv[2]))
else:
    sys.exit(run(sys.argv[1], sys.argv[2:]))
