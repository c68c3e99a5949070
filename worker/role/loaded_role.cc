// SPDX-License-Identifier: MIT
#include "worker/role/loaded_role.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "worker/role/role.h"

namespace certlatch {
namespace {

/// Beside the program, as it is built; or where it is installed.
std::string module_of(std::string_view role) {
  std::error_code unreadable;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", unreadable).parent_path();
  const auto name = fmt::format("certlatch-{}.so", role);
  const auto beside = here / name;
  if (::access(beside.c_str(), F_OK) == 0) return beside;
  return here.parent_path() / CERTLATCH_MODULES / name;
}

int run(std::string_view role, Channel* parent, Channel* other) {
  void* module = ::dlopen(module_of(role).c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto function =
      module == nullptr
          ? nullptr
          : reinterpret_cast<decltype(&certlatch_run_role)>(::dlsym(module, "certlatch_run_role"));
  if (function != nullptr) return function(parent, other);
  fmt::print(stderr, "certlatch {}: its code cannot be loaded: {}\n", role, ::dlerror());
  return 1;
}

}  // namespace

int acme_role(Channel parent, Channel keeper) { return run("acme", &parent, &keeper); }
int keeper_role(Channel parent, Channel acme) { return run("keeper", &parent, &acme); }
int responder_role(Channel parent) { return run("responder", &parent, nullptr); }
int dns_role(Channel parent) { return run("dns", &parent, nullptr); }
int verify_role(Channel parent) { return run("verify", &parent, nullptr); }

}  // namespace certlatch
