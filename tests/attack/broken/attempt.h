// SPDX-License-Identifier: MIT
// System calls that a process of certlatch never makes: what whoever has taken it over would try first.
#pragma once

#include <span>
#include <string_view>

namespace certlatch::attack {

struct Attempt {
  const char* group;  // "files", "processes"
  const char* name;   // in the table of docs/threat-model.md
  long (*act)();      // the system call's result, with errno
  bool works_for_root =
      false;  // for root without confinement: tried as well, or the attempt would show nothing
};

[[nodiscard]] std::span<const Attempt> attempts();

/// Says `attempt: NAME: begun` on standard error, makes the attempt that is called so, and ends the process,
/// having said what became of it: `attempt: NAME: done` or `attempt: NAME: EACCES`. When the kernel kills it
/// nothing is said.
[[noreturn]] void perform(std::string_view name);

/// The attempt that this process is to make, from the file /run/lab/attempt: `WHERE NAME`. Nothing when there
/// is none, or when it is for another place than `where`. Read before main().
[[nodiscard]] const char* attempt_for(std::string_view where);

}  // namespace certlatch::attack
