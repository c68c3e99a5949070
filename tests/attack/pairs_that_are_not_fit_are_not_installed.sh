#!/bin/bash
# SPDX-License-Identifier: MIT
# Keys that do not fit, names that the policy does not cover, certificates that are expired, self-signed, malformed, or
# built to keep a parser busy: each refused with its reason, and the installed pair stays as it is.
. "$(dirname "$0")/lib/attack.sh"
attack misfits
