# SPDX-License-Identifier: MIT
"""What one run of a command costs, all its processes together.

wall      from its start to its end
cpu       user and system time of every process that was started for it
memory    the most that the kernel held for all these processes at one time (memory_group.py)
requests  how many the CA has answered, by its own log
broker    the part of cpu that is the broker's and what it runs (the check and the restart of a service)

With a Broker, that is started by the first connection to its socket, as by a service manager; it ends with the run, and
all that it costs is part of it, its start included."""
import ctypes
import os
import select
import signal
import socket
import time

import memory_group

PR_SET_CHILD_SUBREAPER = 36


class Broker:
    def __init__(self, command, path, group):
        self.command = command
        self.listening = socket.socket(socket.AF_UNIX)
        if os.path.lexists(path):
            os.unlink(path)
        self.listening.bind(path)
        self.listening.listen()
        os.chown(path, 0, group)
        os.chmod(path, 0o660)

    def make_ready(self, group):
        def prepare():
            os.dup2(self.listening.fileno(), 3)
            os.set_inheritable(3, True)  # which dup2 does only when the two differ
            os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
        return Process(self.command, '/run/lab/log/broker', group, prepare)


def become(user):
    """Of a user whose group has the same number, with no variable that a cron job would not have."""
    os.setgroups([user])
    os.setgid(user)
    os.setuid(user)
    os.environ.clear()
    os.environ['PATH'] = '/usr/bin:/bin'


class Process:
    """Has all done but to become its command, which `start` makes it do: nothing of this program is then in the figures."""

    def __init__(self, command, log, group, prepare=lambda: None):
        self.id = os.fork()
        if self.id == 0:
            try:
                os.dup2(os.open('/dev/null', os.O_RDONLY), 0)
                output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
                os.dup2(output, 1)
                os.dup2(output, 2)
                prepare()
                os.kill(os.getpid(), signal.SIGSTOP)
                os.execvp(command[0], command)
            finally:
                os._exit(127)
        os.waitpid(self.id, os.WUNTRACED)
        group.add(self.id)
        self.cpu_before = time.clock_gettime(~self.id << 3 | 2)  # its own clock: clock_getcpuclockid(3)

    def start(self):
        os.kill(self.id, signal.SIGCONT)

    def wait(self):
        """Its exit status, and the CPU seconds of it and of those that it has waited for."""
        _, status, usage = os.wait4(self.id, 0)
        return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime - self.cpu_before


def requests_after(log, offset):
    if log is None:
        return 0
    with open(log, 'rb') as lines:
        lines.seek(offset)
        return sum(b'-> calling handler()' in line for line in lines)


def wait_for_orphans():
    """The CPU seconds of all that is left, when it has ended."""
    cpu = 0.0
    while True:
        try:
            usage = os.wait4(-1, 0)[2]
        except ChildProcessError:
            return cpu
        cpu += usage.ru_utime + usage.ru_stime


def measure(command, user=0, broker=None, ca_log=None, output='/run/lab/log/measured'):
    """The costs; `status` is the command's exit status."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    offset = os.path.getsize(ca_log) if ca_log else 0
    group = memory_group.MemoryGroup()
    poll = select.poll()
    helper = broker.make_ready(group) if broker else None
    if broker:
        poll.register(broker.listening, select.POLLIN)
    child = Process(command, output, group, lambda: become(user) if user else None)
    ended = os.pidfd_open(child.id)
    poll.register(ended, select.POLLIN)
    has_helper = False
    began = time.monotonic()
    child.start()
    while ended not in (ready := [fd for fd, _ in poll.poll()]):
        if broker and broker.listening.fileno() in ready:
            poll.unregister(broker.listening)
            helper.start()
            has_helper = True
    wall = time.monotonic() - began
    os.close(ended)
    status, cpu = child.wait()
    broker_cpu = 0.0
    if helper:
        os.kill(helper.id, signal.SIGTERM if has_helper else signal.SIGKILL)
        _, broker_cpu = helper.wait()
    # Its inspector and runner, or what a command did not wait for.
    orphans_cpu = wait_for_orphans()
    if has_helper:
        broker_cpu += orphans_cpu
    else:
        broker_cpu, cpu = 0.0, cpu + orphans_cpu
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    most = group.end()
    return {'wall': wall * 1000, 'cpu': (cpu + broker_cpu) * 1000, 'memory': most / 2**20 if most is not None else None,
            'requests': requests_after(ca_log, offset), 'broker': broker_cpu * 1000, 'status': status}
