#!/bin/bash
# SPDX-License-Identifier: MIT
# Root, the broker's own user and others of the socket's group are turned away unread; the rest cannot even connect.
. "$(dirname "$0")/lib/attack.sh"
as_worker_command=(env)
attack users
