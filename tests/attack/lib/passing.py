# SPDX-License-Identifier: MIT
"""passing.py SOCKET FILE: the worker's part in an attack together with a broken broker. To whoever listens at SOCKET it
passes the descriptor of FILE, which it may only read. Until it is killed."""

import array
import os
import socket
import sys
import time

where, file = sys.argv[1:]
right = array.array("i", [os.open(file, os.O_RDONLY)])
while True:
    time.sleep(0.01)
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.settimeout(1)
    try:
        peer.connect(where)
        peer.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, right)])
        peer.recv(1)
    except OSError:
        pass
    peer.close()
