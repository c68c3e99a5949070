// SPDX-License-Identifier: MIT
// A host with one install entry, an inspector that accepts, and services whose checks go as told.
#pragma once

#include "broker/helper_process.h"
#include "broker/inspector/inspector.h"
#include "broker/install.h"
#include "broker/services.h"
#include "tests/unit/install/scratch.h"

namespace certlatch::test {

/// Accepts everything: the first line is the leaf. `answer` overrides.
struct AcceptingInspector {
  Result<Verdict> answer = Verdict{{"example.org"}, 2000, 0, {}};
  Result<Verdict> operator()(const Install& request, const Wait&) const {
    auto verdict = answer;
    if (verdict) verdict->leaf_bytes = static_cast<std::uint32_t>(request.chain.find('\n') + 1);
    return verdict;
  }
};

struct CheckingServices : Services {
  using Services::Services;
  std::string failing;  // the service whose check fails
  std::vector<std::string> checked;
  std::string live;  // looked at while a check runs
  std::string seen;
  std::variant<Restarted, Refused> check(const ServiceEntry& service, const Wait&) override {
    checked.push_back(service.name);
    if (!live.empty()) seen = contents_of(live + "/privkey.pem");
    if (service.name == failing)
      return Refused{RefusalReason::check, 9, "service " + service.name + ": no", "output"};
    return Restarted{};
  }
  std::variant<Restarted, Refused> restart(const ServiceEntry&, std::vector<LoadedPair>,
                                           const Wait&) override {
    return Restarted{};
  }
  [[nodiscard]] std::vector<ServiceStatus> status() const override { return {}; }
};

struct InstallHost {
  Scratch scratch;
  std::string directory = scratch / "pairs/example.org";
  Policy policy;
  AcceptingInspector inspector;
  CheckingServices services{policy, -1, nullptr};
  std::set<std::pair<uid_t, gid_t>> owners;  // of the last prepare()

  InstallHost() {
    policy.file = "policy.conf";
    auto& entry = policy.installs.emplace_back();
    entry.name = "e";
    entry.names = {"example.org"};
    entry.directory = directory;
    entry.owner_user = "root";
    entry.owner_group = "root";
    entry.mode = 0640;
    entry.line = 5;
    entry.names_line = 6;
  }
  Result<std::unique_ptr<Installer>> prepare(std::uint32_t uid = 0, std::uint32_t gid = 0) {
    auto installer = std::make_unique<Installer>(policy, std::ref(inspector), services);
    owners = TRY(installer->open_directories(uid, gid));
    return installer;
  }
  std::unique_ptr<Installer> start() {
    auto installer = prepare();
    REQUIRE_MESSAGE(installer, installer.error().message);
    return std::move(*installer);
  }
  static Install request(const std::string& number) {
    return {"e", "leaf " + number + "\nca " + number + "\n", Secret::copy_of("key " + number + "\n")};
  }
  std::string file(const std::string& name) { return contents_of(directory + "/" + name); }
};

}  // namespace certlatch::test
