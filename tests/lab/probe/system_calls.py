#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""system_calls.py PROCESS: the system calls that the kernel lets a process make, by the filters that it holds for it: two
lines, of those that it may make whatever the arguments, and of those whose arguments are looked at.

The filters are read from the kernel (PTRACE_SECCOMP_GET_FILTER), and each is gone through for each call, both ways where
an argument decides. It needs root, and a kernel with CONFIG_CHECKPOINT_RESTORE, as distributions build them."""
import ctypes
import os
import struct
import sys

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_SECCOMP_GET_FILTER = 17, 0x4206, 0x4207, 0x420c
ALLOW = 0x7fff0000
AUDIT_ARCH = {'x86_64': 0xc000003e, 'aarch64': 0xc00000b7}[os.uname().machine]
FIRST_ARGUMENT = 16  # of struct seccomp_data, after the number, the architecture and the instruction's place

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
libseccomp = ctypes.CDLL('libseccomp.so.2')
libseccomp.seccomp_syscall_resolve_num_arch.restype = ctypes.c_char_p


def ptrace(request, process, address=None, data=None):
    result = libc.ptrace(request, process, address, data)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def filters_of(process):
    """The newest first, each as a list of its instructions."""
    ptrace(PTRACE_SEIZE, process)
    try:
        ptrace(PTRACE_INTERRUPT, process)
        os.waitpid(process, 0x40000000)  # __WALL: it is nobody's child here
        found = []
        while True:
            try:
                length = ptrace(PTRACE_SECCOMP_GET_FILTER, process, len(found))
            except FileNotFoundError:
                return found
            except OSError as error:
                if error.errno == 22:  # it is not filtered
                    return found
                raise
            room = ctypes.create_string_buffer(8 * length)
            ptrace(PTRACE_SECCOMP_GET_FILTER, process, len(found), room)
            found.append(list(struct.iter_unpack('<HBBI', room.raw)))
    finally:
        ptrace(PTRACE_DETACH, process)


def outcomes(program, number):
    """What it may answer to a call of this number. Nothing known (None) stands for an argument."""
    answers, ahead, seen = set(), [(0, 0)], set()
    while ahead:
        state = at, value = ahead.pop()
        if state in seen:
            continue
        seen.add(state)
        code, on_true, on_false, k = program[at]
        if code == 0x06:  # BPF_RET | BPF_K
            answers.add(k)
        elif code == 0x20:  # BPF_LD | BPF_W | BPF_ABS
            ahead.append((at + 1, {0: number, 4: AUDIT_ARCH}.get(k) if k < FIRST_ARGUMENT else None))
        elif code == 0x54:  # BPF_ALU | BPF_AND | BPF_K
            ahead.append((at + 1, None if value is None else value & k))
        elif code == 0x05:  # BPF_JMP | BPF_JA
            ahead.append((at + 1 + k, value))
        else:
            holds = {0x15: lambda: value == k, 0x25: lambda: value > k, 0x35: lambda: value >= k, 0x45: lambda: value & k}[code]
            ways = (True, False) if value is None else (bool(holds()),)
            ahead += [(at + 1 + (on_true if way else on_false), value) for way in ways]
    return answers


def main():
    filters = filters_of(int(sys.argv[1]))
    if not filters:
        print('all\n')
        return
    free, looked_at = [], []
    for number in range(600):
        answers = [outcomes(program, number) for program in filters]
        name = libseccomp.seccomp_syscall_resolve_num_arch(AUDIT_ARCH, number)
        if name is None or not all(ALLOW in answer for answer in answers):
            continue
        (free if all(answer == {ALLOW} for answer in answers) else looked_at).append(name.decode())
    print(' '.join(free), ' '.join(looked_at), sep='\n')


main()
