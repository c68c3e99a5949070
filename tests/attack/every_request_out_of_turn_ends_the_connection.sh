#!/bin/bash
# SPDX-License-Identifier: MIT
# A request before Hello, a second Hello, an unknown tag, an answer in place of a request: each ends its connection.
. "$(dirname "$0")/lib/attack.sh"
attack turns
