# SPDX-License-Identifier: MIT
"""What one run of a command costs, all its processes together.

wall      from its start to its end
cpu       user and system time of every process that was started for it
tree      the most memory that all these processes had at one time: the sum of their proportional shares (PSS), looked
          at every so many milliseconds, 0 for without a pause: 0 unless it is asked for. Of a run of a few milliseconds it
          sees too little
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

    def start(self):
        def prepare():
            os.dup2(self.listening.fileno(), 3)
            os.set_inheritable(3, True)  # which dup2 does only when the two differ
            os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
        return spawn(self.command, '/run/lab/log/broker', prepare)


def become(user):
    """Of a user whose group has the same number, with no variable that a cron job would not have."""
    os.setgroups([user])
    os.setgid(user)
    os.setuid(user)
    os.environ.clear()
    os.environ['PATH'] = '/usr/bin:/bin'


def spawn(command, log, prepare=lambda: None):
    child = os.fork()
    if child:
        return child
    try:
        os.dup2(os.open('/dev/null', os.O_RDONLY), 0)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(output, 1)
        os.dup2(output, 2)
        prepare()
        os.execvp(command[0], command)
    finally:
        os._exit(127)


def processes_below(root):
    parents = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                with open(f'/proc/{entry}/stat') as stat:
                    parents[int(entry)] = int(stat.read().rpartition(')')[2].split()[1])
            except OSError:
                pass
    below = []
    for process, parent in parents.items():
        while parent not in (0, root):
            parent = parents.get(parent, 0)
        if parent == root:
            below.append(process)
    return below


def command_line(process):
    with open(f'/proc/{process}/cmdline', 'rb') as line:
        return line.read()


def memory_of(processes):
    total, ours = 0, command_line('self')
    for process in processes:
        try:
            if command_line(process) == ours:  # it is about to become what it was started for
                continue
            with open(f'/proc/{process}/smaps_rollup') as rollup:
                total += next((int(line.split()[1]) for line in rollup if line.startswith('Pss:')), 0)
        except OSError:
            pass
    return total


def requests_after(log, offset):
    if log is None:
        return 0
    with open(log, 'rb') as lines:
        lines.seek(offset)
        return sum(b'-> calling handler()' in line for line in lines)


def measure(command, user=0, broker=None, ca_log=None, look_every=None, output='/run/lab/log/measured'):
    """The costs; `status` is the command's exit status."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    offset = os.path.getsize(ca_log) if ca_log else 0
    helper, tree, cpu = None, 0, 0.0
    poll = select.poll()
    if broker:
        poll.register(broker.listening, select.POLLIN)
    began = time.monotonic()
    child = spawn(command, output, lambda: become(user) if user else None)
    ended = os.pidfd_open(child)
    poll.register(ended, select.POLLIN)
    while True:
        ready = [fd for fd, _ in poll.poll(look_every)]
        if ended in ready:
            break
        if broker and broker.listening.fileno() in ready:
            poll.unregister(broker.listening)
            helper = broker.start()
        if look_every is not None:
            tree = max(tree, memory_of(processes_below(os.getpid())))
    wall = time.monotonic() - began
    os.close(ended)
    _, status, usage = os.wait4(child, 0)
    if helper:
        os.kill(helper, signal.SIGTERM)
    child_cpu = usage.ru_utime + usage.ru_stime
    while True:
        cpu += usage.ru_utime + usage.ru_stime
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    return {'wall': wall * 1000, 'cpu': cpu * 1000, 'tree': tree / 1024,
            'requests': requests_after(ca_log, offset), 'broker': (cpu - child_cpu) * 1000 if helper else 0,
            'status': os.waitstatus_to_exitcode(status)}
