#!/bin/bash
# SPDX-License-Identifier: MIT
# Storms of connections, openings, installs and restarts: what has a budget ends with it, the host is as before, and the
# broker has no more memory or descriptors than at rest.
. "$(dirname "$0")/lib/attack.sh"
attack floods
