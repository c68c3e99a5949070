# SPDX-License-Identifier: MIT
"""Root's side of an attack. After each attempt: did the broker log what it should have and nothing else, is the host as
it was, and is the broker alive, with no more descriptors than before? At the end: what it took in memory."""

import argparse
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time

from wire import SECRET_BYTES

FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')
SETTINGS = "/proc/sys/net"
TOGGLES = f"{SETTINGS}/ipv4/conf"
BASE64 = re.compile(rb"[A-Za-z0-9+/]{%d,}" % SECRET_BYTES)


def fields(line):
    return {key: value[1:-1] if value.startswith('"') else value for key, value in FIELD.findall(line)}


class Ruleset:
    """How often nftables has changed here, by the kernel's own count: NFT_MSG_GETGEN."""

    def __init__(self):
        self.netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)

    def generation(self):
        self.netlink.send(struct.pack("=IHHIIBBH", 20, 10 << 8 | 16, 1, 0, 0, 0, 0, 0))
        answer = self.netlink.recv(4096)
        return struct.unpack(">I", answer[24:28])[0]

    @staticmethod
    def text():
        return subprocess.run(["nft", "list", "ruleset"], capture_output=True, check=True).stdout


def tree(root):
    found = []
    for directory, names, files in os.walk(root):
        for name in sorted(names + files):
            path = os.path.join(directory, name)
            at = os.lstat(path)
            link = os.readlink(path) if os.path.islink(path) else None
            found.append((path, at.st_ino, at.st_mtime_ns, at.st_size, at.st_mode, at.st_uid, at.st_gid, link))
    return found


def contents(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # which can only be written, or has no value in this namespace
        return None


def toggles():
    paths = [f"{TOGGLES}/{interface}/route_localnet" for interface in os.listdir(TOGGLES)]
    return {path: contents(path) for path in [*paths, f"{SETTINGS}/ipv4/ip_forward"]}


def settings():
    """Every setting of the network. It takes too long to be done after each attempt."""
    found = {}
    for family in ("ipv4", "ipv6"):
        for directory, _, files in os.walk(f"{SETTINGS}/{family}"):
            found.update({f"{directory}/{name}": contents(f"{directory}/{name}") for name in files})
    return found


def counted_headings(policy):
    """Sections with a budget: only what is allowed of them is counted on the disk."""
    found, heading = set(), None
    with open(policy) as file:
        for line in file:
            if line.startswith("["):
                heading = line.strip().strip("[]")
            elif line.startswith("per day"):
                found.add(heading)
    return found


class Broker:
    def __init__(self, pid):
        self.pids = [pid]
        for entry in os.listdir("/proc"):
            if entry.isdigit() and self.parent(int(entry)) == pid:
                self.pids.append(int(entry))

    @staticmethod
    def parent(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return int(file.read().rsplit(")", 1)[1].split()[1])
        except FileNotFoundError:
            return 0

    @staticmethod
    def field(pid, name):
        with open(f"/proc/{pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(name + ":"))

    def is_alive(self):
        def runs(pid):
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] != "Z"

        try:
            return all(runs(pid) for pid in self.pids)
        except FileNotFoundError:
            return False

    def descriptors(self):
        return [len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids]

    def peak(self):
        return self.field(self.pids[0], "VmHWM")

    def inspector_peak(self):
        return max(self.field(pid, "VmHWM") for pid in self.pids[1:])


class Judge:
    def __init__(self, options):
        self.options = options
        self.broker = Broker(options.broker)
        self.ruleset = Ruleset()
        self.log = open(options.audit, "rb")
        self.log.seek(0, os.SEEK_END)
        self.attempts = self.refusals = self.faults = 0
        self.begin_memory = self.broker.peak()
        self.begin_descriptors = self.broker.descriptors()
        self.begin_ruleset = self.ruleset.text()
        self.begin_toggles = toggles()
        self.begin_settings = settings()
        self.counted = counted_headings(options.policy)
        self.secrets = set()
        self.look()
        self.state = self.state_files()

    def look(self):
        self.generation = self.ruleset.generation()
        self.files = tree(self.options.pairs)

    def state_files(self):
        return {path: rest for path, *rest in tree(self.options.state)}

    def fault(self, attempt, text):
        self.faults += 1
        if self.faults <= 20:
            print(f"FAULT: {attempt}: {text}", flush=True)

    def lines(self, count):
        """The lines since the last look: waits for `count`, and does not wait for more."""
        lines, until = [], time.monotonic() + 5
        rest = b""
        while len(lines) < count and time.monotonic() < until:
            rest += self.log.read()
            *whole, rest = rest.split(b"\n")
            lines += whole
            if len(lines) < count:
                time.sleep(0.001)
        return [line.decode() for line in lines]

    @staticmethod
    def fits(expected, line):
        found = fields(line)
        return (
            found.get("what") == expected["what"]
            and found.get("outcome") == expected["outcome"]
            and found.get("reason") == expected.get("reason")
            and ("line" not in expected or expected["line"] is None or found.get("line") == str(expected["line"]))
            and expected.get("says", "") in found.get("detail", "")
            and len(line) < 2048
            and line.isascii()
            and line.isprintable()
        )

    def hold_against_the_log(self, name, attempt):
        expected = attempt["log"]
        lines = self.lines(len(expected))
        if attempt.get("unordered"):
            left = list(lines)
            for item in expected:
                match = next((line for line in left if self.fits(item, line)), None)
                if match is None:
                    return self.fault(name, f"no line in the log for {item}; left: {left[:4]}")
                left.remove(match)
            lines, expected = left, []
        if len(lines) != len(expected) or not all(map(self.fits, expected, lines)):
            self.fault(name, "the log\n    must have " + f"{expected}\n    has       " + "\n              ".join(lines))

    def hold_against_the_state(self, name, attempt):
        """What was counted and which pairs were loaded: written when something was allowed or done, and not before."""
        may_change = set()
        for item in attempt["log"]:
            if item["outcome"] == "allowed" and item["what"] in self.counted:
                may_change.add("usage")
            if item["outcome"] == "done" and item["what"].startswith("service "):
                may_change.add("services")
        now = self.state_files()
        for path in now.keys() | self.state.keys():
            if now.get(path) != self.state.get(path) and os.path.basename(path) not in may_change:
                self.fault(name, f"{path} was changed")
        self.state = now

    def hold_no_secret(self, name, text):
        """Nothing of a key that was ever sent. As long a piece of every run of base64 is looked up."""
        for run in BASE64.findall(text):
            for at in range(len(run) - SECRET_BYTES + 1):
                if run[at : at + SECRET_BYTES].decode() in self.secrets:
                    return self.fault(name, "a part of a key was written to a log")

    def hold(self, attempt):
        name = attempt["attempt"]
        self.secrets.update(attempt["secrets"])
        self.attempts += attempt.get("count", 1)
        self.refusals += sum(item["outcome"] in ("refused", "violation") for item in attempt["log"])
        if attempt["wrong"]:
            self.fault(name, attempt["wrong"])
        self.hold_against_the_log(name, attempt)
        if not self.broker.is_alive():
            self.fault(name, "the broker, its inspector or its runner has ended")
            raise SystemExit(1)
        if attempt.get("changes"):
            self.look()
        elif self.ruleset.generation() != self.generation:
            self.fault(name, "the ruleset was changed")
        elif tree(self.options.pairs) != self.files:
            self.fault(name, "an installed pair was changed")
            self.look()
        if toggles() != self.begin_toggles:
            self.fault(name, "route_localnet or ip_forward was changed")
        self.hold_against_the_state(name, attempt)
        if attempt.get("runs") is not None and len(os.listdir(self.options.runs)) != attempt["runs"]:
            self.fault(name, f"the service's command ran {len(os.listdir(self.options.runs))} times")
        until = time.monotonic() + 3
        while self.broker.descriptors() != self.begin_descriptors:
            if time.monotonic() > until:
                self.fault(name, f"descriptors: {self.begin_descriptors} before, {self.broker.descriptors()} now")
                break
            time.sleep(0.001)

    def finish(self):
        # What is left of a lease's rules goes right after the answer.
        until = time.monotonic() + 3
        while self.ruleset.text() != self.begin_ruleset and time.monotonic() < until:
            time.sleep(0.01)
        if self.ruleset.text() != self.begin_ruleset:
            self.fault("at the end", "the ruleset is another")
        if self.lines(0) or self.log.read():
            self.fault("at the end", "lines in the log that no attempt accounts for")
        if settings() != self.begin_settings:
            now = settings()
            changed = [path for path in now if now[path] != self.begin_settings.get(path)]
            self.fault("at the end", f"settings of the network were changed: {changed}")
        for log in (self.options.audit, self.options.said):
            self.hold_no_secret(log, contents(log))
        if self.broker.inspector_peak() > self.options.inspector_bound:
            self.fault("at the end", f"the inspector or the runner took {self.broker.inspector_peak()} KiB")
        peak, grown = self.broker.peak(), self.broker.peak() - self.begin_memory
        if grown > self.options.bound:
            self.fault("at the end", f"the broker has grown by {grown} KiB")
        print(
            f"{self.attempts} attempts, {self.refusals} refusals, {self.faults} faults; the broker's peak: "
            f"{peak} KiB ({grown} more than at rest), {self.begin_descriptors[0]} descriptors; "
            f"its inspector's: {self.broker.inspector_peak()} KiB; {len(self.secrets)} pieces of keys were sought in its logs"
        )
        return 0 if self.faults == 0 and self.attempts > 0 else 1


def main():
    parser = argparse.ArgumentParser()
    for name in ("audit", "said", "pairs", "policy", "state", "runs"):
        parser.add_argument("--" + name, required=True)
    for name in ("broker", "bound", "inspector-bound"):
        parser.add_argument("--" + name, type=int, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    judge = Judge(options)
    attacker = subprocess.Popen(options.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for line in attacker.stdout:
        judge.hold(json.loads(line))
        try:
            attacker.stdin.write("on\n")
            attacker.stdin.flush()
        except BrokenPipeError:
            break
    if attacker.wait() != 0:
        judge.fault("the attacker", f"ended with status {attacker.returncode}")
    return judge.finish()


sys.exit(main())
