# SPDX-License-Identifier: MIT
"""Is everything that strace saw written also forced to the disk before anything builds on it?

durable.py LOG DIRECTORY...   LOG is of `strace -f -y` with the calls below. In each DIRECTORY:
  - a file that was written is fsynced before it, or the link that leads to its directory, is renamed into place;
  - a rename is followed by an fsync of its directory before the same process says anything to anyone, or renames again.
Prints how many renames there were; exits 1 and says what is wrong when one was not made sure of.
"""

import os
import re
import sys

CALL = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)")
FD = re.compile(r"^\d+<([^>]*)>|^AT_FDCWD<([^>]*)>")
directories = [os.path.normpath(path) for path in sys.argv[2:]]
unsynced, pending, renames, faults = set(), {}, 0, []


def fd_path(argument):
    found = FD.match(argument)
    return (found.group(1) or found.group(2)) if found else ""


def is_ours(path):
    return any(path == one or path.startswith(one + "/") for one in directories)


def names_in(text):
    return re.findall(r'"((?:[^"\\]|\\.)*)"', text)


UNFINISHED = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")


def whole_lines(path):
    """A call during which another process had its turn is in two lines."""
    begun = {}
    for line in open(path, errors="replace"):
        line = line.rstrip("\n")
        if first := UNFINISHED.match(line):
            begun[first.group(1)] = first.group(2)
        elif second := RESUMED.match(line):
            yield f"{second.group(1)} {begun.pop(second.group(1), '')}{second.group(2)}"
        else:
            yield line


for line in whole_lines(sys.argv[1]):
    found = CALL.match(line)
    if not found or int(found.group(4)) < 0:
        continue
    process, call, text = found.group(1), found.group(2), found.group(3)
    path = fd_path(text)
    waits = pending.get(process)
    if call in ("fsync", "fdatasync"):
        unsynced.discard(path)
        if waits == path:
            del pending[process]
    elif call in ("write", "writev", "pwrite64") and is_ours(path):
        unsynced.add(path)
    elif call in ("renameat", "renameat2") and is_ours(path):
        renames += 1
        old, new = (names_in(text) + ["", ""])[:2]
        source = os.path.join(path, old)
        if waits:
            faults.append(f"{waits} was not fsynced before the next rename: {line.strip()}")
        below = [one for one in unsynced if one == source or (new == "live" and one.startswith(path + "/"))]
        if below:
            faults.append(f"{below} not fsynced before: {line.strip()}")
        pending[process] = path
    elif call in ("sendmsg", "sendto", "connect") and waits:
        faults.append(f"{waits} was not fsynced before something was said: {line.strip()[:200]}")
for process, path in pending.items():
    faults.append(f"process {process} never fsynced {path}")
print(renames)
if faults:
    sys.exit("\n".join(faults))
