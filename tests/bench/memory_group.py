# SPDX-License-Identifier: MIT
"""A control group of the kernel's, for what it counts of all processes within: the most memory that was charged to them at
one time, from the first to the last instruction, however short their life.

Charged is what the processes make the kernel hold: their own pages, each once however many share it; its own memory on
their behalf (page tables, sockets, descriptors); pages of files that they are the first to read or write. The code of
programs and libraries that others have read before is not: so a program is called once before it is measured.
The kernel counts ahead, by at most 256 KiB a processor."""
import os


def mounts():
    with open('/proc/self/mountinfo') as lines:
        for line in lines:
            first, _, last = line.partition(' - ')
            root, at = first.split()[3:5]
            kind, _, options = last.split()[:3]
            yield kind, options.split(','), root, at


def read(*path):
    with open(os.path.join(*path)) as file:
        return file.read()


def place():
    """Where a group may be made, and the name of the file that has the figure; nothing where the kernel does not count."""
    own = dict(line.split(':', 2)[1:] for line in read('/proc/self/cgroup').splitlines())
    for kind, options, root, at in mounts():
        below = lambda path: os.path.normpath(at + '/' + os.path.relpath(path, root))
        if kind == 'cgroup' and 'memory' in options:
            path = next(path for controllers, path in own.items() if 'memory' in controllers.split(','))
            return below(path), 'memory.max_usage_in_bytes'
        if kind == 'cgroup2' and 'memory' in read(at, 'cgroup.controllers').split():
            # A group that has processes hands nothing down: the next one above it that does so.
            directory = below(own[''])
            while 'memory' not in read(directory, 'cgroup.subtree_control').split():
                if directory == at:
                    return None
                directory = os.path.dirname(directory)
            return directory, 'memory.peak'
    return None


PLACE = place()


class MemoryGroup:
    def __init__(self):
        self.directory = PLACE and f'{PLACE[0]}/certlatch-bench-{os.getpid()}'
        if self.directory:
            os.mkdir(self.directory)

    def add(self, process):
        if self.directory:
            with open(self.directory + '/cgroup.procs', 'w') as file:
                file.write(str(process))

    def end(self):
        """All its processes have ended. The most that they had, in bytes."""
        if not self.directory:
            return None
        most = int(read(self.directory, PLACE[1]))
        os.rmdir(self.directory)
        return most
