#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever is not a frame ends its connection, and holds up nobody else.
. "$(dirname "$0")/lib/attack.sh"
attack frames
