// SPDX-License-Identifier: MIT
// Everything of this part together, as certlatchd has it: prepared as root, used without being root.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/confinement.h"
#include "broker/helper_process.h"
#include "broker/inspector/inspector.h"
#include "broker/install.h"
#include "broker/services.h"
#include "tests/unit/install/scratch.h"
#include "tests/unit/install/test_pair.h"

using namespace certlatch;
using namespace certlatch::test;

namespace {

constexpr std::uint32_t kBroker = 12345;

/// The real ones; the test fails when they do not start.
struct Helpers {
  const Policy& policy;
  Result<HelperProcess> inspector = start_inspector(CERTLATCH_INSPECTOR, policy);
  Result<HelperProcess> runner = start_runner(CERTLATCH_RUNNER, policy);
  Inspector inspect = [this](const Install& request, const Wait& wait) {
    return certlatch::inspect(inspector.value(), request, wait);
  };
  Runner run = [this](std::size_t service, RunWhat what, const Wait& wait) {
    return certlatch::run(runner.value(), policy, service, what, wait);
  };
  explicit Helpers(const Policy& of) : policy(of) {}
};

struct Host {
  Scratch scratch;
  std::string state = scratch / "state", pairs = scratch / "pairs";
  std::vector<Pair> made;
  Policy policy;

  Host() {
    std::filesystem::create_directory(state);
    REQUIRE(::chown(state.c_str(), kBroker, kBroker) == 0);
    for (int i = 0; i < 6; ++i) made.push_back(good_pair());
    policy.file = "policy.conf";
    auto& entry = policy.installs.emplace_back();
    entry.name = "e";
    entry.names = {"example.org"};
    entry.directory = pairs;
    entry.owner_user = "nobody";
    entry.owner_group = "nogroup";
    entry.mode = 0640;
    entry.combined = true;
    entry.services = {"s"};
    auto& service = policy.services.emplace_back();
    service.name = "s";
    service.command = {"/bin/sh", "-c", "id -u"};
    service.timeout = 10;
    if (std::filesystem::exists("/run/systemd/system"))
      return;  // a check would become a unit of this machine
    service.check = {"/bin/sh", "-c", fmt::format("test ! -e {}", scratch / "broken")};
  }

  /// What certlatchd does between its start and its end; what went wrong.
  std::string live_as_broker() {
    const UniqueFd state_directory(::open(state.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Helpers helpers(policy);
    Services services(policy, state_directory.get(), helpers.run);
    Installer installer(policy, helpers.inspect, services);
    const auto owners = installer.open_directories(kBroker, kBroker);
    if (!owners) return owners.error().message;
    if (auto confined = confine({kBroker, kBroker, *owners, {state, pairs}, true}); !confined)
      return confined.error().message;

    for (std::uint32_t i = 1; i <= made.size(); ++i) {
      const Pair& pair = made[i - 1];
      const auto answer = installer.install({"e", pair.chain, Secret::copy_of(pair.key)}, wait_alone);
      if (const auto* refused = std::get_if<Refused>(&answer)) return refused->sentence;
      const auto status = installer.status()[0];
      if (status.state != PairState::whole || status.version != i) return "not whole after an install";
      const auto restarted = services.restart(policy.services[0], {{"e", status.fingerprint}}, wait_alone);
      if (const auto* refused = std::get_if<Refused>(&restarted)) return refused->sentence;
      if (std::get<Restarted>(restarted).output != "0\n") return "the command did not run as root";
    }
    const auto mixed = installer.install({"e", made[0].chain, Secret::copy_of(made[1].key)}, wait_alone);
    if (std::holds_alternative<Installed>(mixed)) return "a mixed pair was installed";
    return {};
  }
};

}  // namespace

TEST_CASE_FIXTURE(Host, "a broker that is not root any more installs for other owners, prunes and restarts") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto wrong = live_as_broker();
    const bool is_told = ::write(ends[1], wrong.data(), wrong.size()) >= 0;
    ::_exit(is_told ? 0 : 1);
  }
  ::close(ends[1]);
  std::string wrong(4096, '\0');
  wrong.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(ends[0], wrong.data(), wrong.size()), 0)));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(wrong == "");

  CHECK(contents_of(pairs + "/live/combined.pem") == made.back().key + made.back().chain);
  std::size_t versions = 0;
  for (const auto& entry : std::filesystem::directory_iterator(pairs))
    versions += entry.path().filename() != "live";
  CHECK(versions == 3);
  struct stat found {};
  REQUIRE(::stat((pairs + "/live/privkey.pem").c_str(), &found) == 0);
  CHECK(found.st_uid == 65534);
  CHECK(found.st_gid == 65534);
  CHECK((found.st_mode & 07777) == 0640);
  REQUIRE(::stat((pairs + "/live/installed").c_str(), &found) == 0);
  CHECK(found.st_uid == kBroker);
  CHECK(std::filesystem::file_size(state + "/services") > 32);
}

TEST_CASE_FIXTURE(Host, "a check that fails is the service's own program, and undoes the install") {
  if (policy.services[0].check.empty()) return;
  Helpers helpers(policy);
  const UniqueFd state_directory(::open(state.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Services services(policy, state_directory.get(), helpers.run);
  Installer installer(policy, helpers.inspect, services);
  REQUIRE(installer.open_directories(0, 0));
  write_file(scratch / "broken", "");
  const auto answer = installer.install({"e", made[0].chain, Secret::copy_of(made[0].key)}, wait_alone);
  REQUIRE(std::holds_alternative<Refused>(answer));
  CHECK(std::get<Refused>(answer).reason == RefusalReason::check);
  CHECK_FALSE(std::filesystem::exists(pairs + "/live"));
}
