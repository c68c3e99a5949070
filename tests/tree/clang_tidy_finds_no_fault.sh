#!/bin/bash
# SPDX-License-Identifier: MIT
# clang-tidy with the checks of .clang-tidy, over all that is installed.
exec "$(dirname "$0")/../tidy"
