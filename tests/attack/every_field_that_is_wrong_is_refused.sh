#!/bin/bash
# SPDX-License-Identifier: MIT
# A field that names nothing of the policy is refused with the reason; one that is no field ends its connection.
. "$(dirname "$0")/lib/attack.sh"
attack fields
