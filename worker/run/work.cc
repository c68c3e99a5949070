// SPDX-License-Identifier: MIT
#include "worker/run/work.h"

#include <fmt/format.h>

#include <set>

namespace certlatch {

void Outcome::note(Trouble trouble) {
  switch (trouble) {
    case Trouble::deployment:
      deployment_failed = true;
      break;
    case Trouble::broker:
      broker_failed = true;
      break;
    case Trouble::other:
      failed = true;
      break;
  }
}

std::vector<std::string> Run::install_entries() const {
  std::set<std::string> entries;
  for (const Work& one : work) entries.insert(one.config->installs.begin(), one.config->installs.end());
  return {entries.begin(), entries.end()};
}

void Run::fail(Work& of, Trouble trouble, std::string_view sentence) {
  report.problem(fmt::format("{}: {}", of.config->name, sentence));
  outcome.note(trouble);
  of.state.last_error = sentence;
  of.state.last_problem = now();
  save(of);
}

void Run::save(Work& of) {
  if (trial == Trial::yes) return;
  if (auto saved = store.save(of.config->name, of.state); !saved) {
    report.problem(fmt::format("{}: {}", of.config->name, saved.error().message));
    outcome.note(Trouble::other);
  }
}

}  // namespace certlatch
