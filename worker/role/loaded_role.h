// SPDX-License-Identifier: MIT
// A role's code lies in a module of its own, with the libraries that it alone needs: libcurl brings thirty,
// and each process of a run would spend most of its short life on linking them.
#pragma once

#include "protocol/channel.h"

/// What each module has; `other` is null for a role that has no second channel.
extern "C" [[gnu::visibility("default")]] int certlatch_run_role(certlatch::Channel* parent,
                                                                 certlatch::Channel* other);
