# SPDX-License-Identifier: MIT
"""Everybody but the worker; started as root, since it becomes each of them."""

import os
import socket

from taken_over import GONE, GREETED, SOCKET, expect_end, tell, violation
from wire import Connection, hello

WORKER, BROKER, NOBODY = 871, 872, 65534
home = os.getresuid()[0], os.getresgid()[0]


def connect_as(uid, gid, groups):
    os.setgroups(groups)
    os.setresgid(gid, gid, home[1])
    os.setresuid(uid, uid, home[0])
    try:
        return Connection(SOCKET)
    except PermissionError:
        return None
    finally:
        os.setresuid(*[home[0]] * 3)
        os.setresgid(*[home[1]] * 3)


# Of the socket's group, but another user: the kernel lets them connect, the broker hears nothing of it.
for uid in (0, 1, 2, 33, BROKER, 870, 1000, NOBODY, 65535 + WORKER, 0x10000 + WORKER, 0x7FFFFFFF):
    for gid, groups in ((WORKER, []), (NOBODY, [WORKER])):
        connection = connect_as(uid, gid, groups)
        if connection is None:
            tell(f"uid {uid} of the group", [], "could not connect")
            continue
        connection.send(hello())
        wrong = expect_end(connection)
        connection.leave()
        tell(f"uid {uid}, gid {gid}", [violation("only the worker")], wrong)
# Neither the user nor of the group: the kernel does not let them connect.
for uid in (1, 33, BROKER, NOBODY):
    connection = connect_as(uid, NOBODY, [])
    tell(f"uid {uid} of no group", [], "could connect" if connection else None)
# Connected as somebody else, and the worker only afterwards: it counts who connected.
for uid in (0, 33):
    connection = connect_as(uid, WORKER, [])
    os.setresuid(WORKER, WORKER, 0)
    connection.send(hello())
    wrong = expect_end(connection)
    os.setresuid(0, 0, 0)
    connection.leave()
    tell(f"connected as uid {uid}, then the worker", [violation("only the worker")], wrong)
connection = connect_as(WORKER, WORKER, [])
connection.greet()
connection.leave()
tell("the worker", [GREETED, GONE])
