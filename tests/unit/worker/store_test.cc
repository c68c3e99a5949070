// SPDX-License-Identifier: MIT
#include "worker/state/store.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <functional>

#include "tests/unit/worker/own_directory.h"
#include "worker/state/replace_file.h"

using namespace certlatch;

namespace {

CertificateState full_state(std::string_view chain) {
  CertificateState state;
  state.issued = IssuedCertificate{.ca = "le",
                                   .names = {"a.example", "b.example"},
                                   .issued = 1'700'000'000,
                                   .not_before = 1'699'996'400,
                                   .not_after = 1'707'772'400,
                                   .fingerprint = digest_of(chain),
                                   .installed = {"one", "two"},
                                   .services_pending = true};
  state.order = PendingOrder{"le", "https://ca.test/order/" + std::string(300, 'x'), {"a.example"}};
  state.key_is_kept = true;
  state.failures = {3, 1'700'000'500, "the CA said no"};
  state.before = {1, 1'700'000'501, "`before`: no"};
  state.deployment = {2, 1'700'000'502, "install one: no"};
  state.verification = {4, 1'700'000'503, "another is served"};
  state.hook = {5, 1'700'000'504, "`deployed`: no"};
  state.repairs = {6, 1'700'000'505};
  state.last_error = "the CA said no";
  return state;
}

Store opened(const std::string& path) {
  auto store = Store::open(path);
  REQUIRE(store);
  return std::move(*store);
}

/// Runs `act` in a child that is killed before its system call number `calls` after the start. True when it
/// had finished by then.
bool killed_before(int calls, const std::function<void()>& act) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, 0, 0);
    ::raise(SIGSTOP);
    act();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  // Every call stops twice, before and after it.
  for (int stop = 0; stop < 2 * calls + 1; ++stop) {
    ::ptrace(PTRACE_SYSCALL, child, 0, 0);
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFEXITED(status)) {
      CHECK(WEXITSTATUS(status) == 0);
      return true;
    }
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return false;
}

}  // namespace

TEST_CASE("a state comes back as it was written") {
  const auto state = full_state("chain");
  const auto again = certificate_state_from(text_of(state));
  REQUIRE(again);
  CHECK(*again == state);
  CHECK(*certificate_state_from(text_of({})) == CertificateState{});
}

TEST_CASE("a state that is not understood is refused with its line") {
  const auto said = [](std::string_view text) {
    const auto state = certificate_state_from(text);
    return state ? std::string("fine") : state.error().message;
  };
  CHECK(said("certlatch-state 2\n") == "line 1 is not understood");
  CHECK(said("certlatch-state 1\nkey kept\ncolor red\n") == "line 3 is not understood");
  CHECK(said("certlatch-state 1\nfailures many\n") == "line 2 is not understood");
  CHECK(said("certlatch-state 1\nfailures -1\n") == "line 2 is not understood");
  CHECK(said("certlatch-state 1\nfingerprint 00ff\n") == "line 2 is not understood");
  CHECK(said("certlatch-state 1\nkey kept") == "line 2 is not understood");
  CHECK(said("certlatch-state 1\nca le\n") == "what it says of the certificate is incomplete");
  CHECK(said("certlatch-state 1\norder-ca le\n") == "what it says of the order is incomplete");
  CHECK(said(std::string_view("certlatch-state 1\n\0\n", 20)) == "line 2 is not understood");
}

TEST_CASE("the lines of a step's failures, with a reason and, as they once were, without") {
  CertificateState state;
  state.failures = {1, 11, "a"};
  state.deployment = {2, 12, "b\nc"};
  state.hook = {3, 13, ""};
  CHECK(text_of(state) ==
        "certlatch-state 1\nfailures 1\nlast-failure 11\nfailure a\ndeployment-failures 2\n"
        "last-deployment-failure 12\ndeployment-failure b c\ndeployed-failures 3\n"
        "last-deployed-failure 13\n");
  const auto old = certificate_state_from(
      "certlatch-state 1\nfailures 3\nlast-failure 7\ndeployment-failures 4\n"
      "last-deployment-failure 8\nlast-error no\n");
  REQUIRE(old);
  CHECK(old->failures == Failures{3, 7});
  CHECK(old->deployment == Failures{4, 8});
  CHECK(old->verification == Failures{});
  CHECK(old->last_error == "no");
  CHECK_FALSE(certificate_state_from("certlatch-state 1\ncolor-failures 3\n"));
  CHECK_FALSE(certificate_state_from("certlatch-state 1\nissue-failures 3\n"));
  CHECK_FALSE(certificate_state_from("certlatch-state 1\nverify-failures x\n"));
}

TEST_CASE("what one step has made good uncovers what another has not") {
  CertificateState state;
  state.verification = {1, 1, "served"};
  state.hook = {1, 1, "hook"};
  state.last_error = "hook";
  state.succeed(&CertificateState::hook);
  CHECK(state.last_error == "served");
  CHECK(state.hook == Failures{});
  state.succeed(&CertificateState::verification);
  CHECK(state.last_error.empty());
}

TEST_CASE("an error of many lines stays one line of the state") {
  CertificateState state;
  state.last_error = "no\n  type: detail\nkey kept";
  const auto again = certificate_state_from(text_of(state));
  REQUIRE(again);
  CHECK(again->last_error == "no   type: detail key kept");
  CHECK_FALSE(again->key_is_kept);
}

TEST_CASE("the store keeps certificates and accounts for nobody else to read") {
  const OwnDirectory directory;
  const std::string path = directory.path + "/state";
  ::umask(0);
  auto store = opened(path);
  CHECK(*store.load("a") == CertificateState{});
  CHECK(store.account_url("le")->empty());
  REQUIRE(store.save_chain("a", "chain"));
  REQUIRE(store.save("a", full_state("chain")));
  REQUIRE(store.save_account_url("le", "https://ca.test/account/1"));
  CHECK(*store.load("a") == full_state("chain"));
  CHECK(*store.load_chain("a") == "chain");
  CHECK(*store.account_url("le") == "https://ca.test/account/1");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    const auto mode = static_cast<unsigned>(entry.status().permissions());
    CHECK(mode == (entry.is_directory() ? 0700U : 0600U));
  }
}

TEST_CASE("a chain that is not the one the state describes does not count") {
  const OwnDirectory directory;
  auto store = opened(directory.path);
  REQUIRE(store.save_chain("a", "chain"));
  REQUIRE(store.save("a", full_state("chain")));
  REQUIRE(store.save_chain("a", "newer chain"));
  CHECK_FALSE(store.load("a")->issued.has_value());
  CHECK(store.load("a")->order.has_value());
  std::filesystem::remove(directory.path + "/certificates/a/chain.pem");
  CHECK_FALSE(store.load("a")->issued.has_value());
}

TEST_CASE("a damaged state names its file and what to do") {
  const OwnDirectory directory;
  auto store = opened(directory.path);
  REQUIRE(store.save("a", {}));
  directory.write("certificates/a/state", "nonsense\n");
  CHECK(store.load("a").error().message ==
        directory.path +
            "/certificates/a/state: line 1 is not understood; remove the file, "
            "and the certificate is issued anew");
  directory.write("certificates/a/state", std::string(300'000, 'x'));
  CHECK(store.load("a").error().kind == Error::Kind::invalid);
}

TEST_CASE("a state directory that others may enter is refused") {
  const OwnDirectory directory;
  REQUIRE(::chmod(directory.path.c_str(), 0750) == 0);
  const auto store = Store::open(directory.path);
  REQUIRE_FALSE(store);
  CHECK(store.error().message == "the state directory " + directory.path +
                                     " is open to others (mode 0750): chmod 0700 " + directory.path);
  REQUIRE(::chmod(directory.path.c_str(), 0700) == 0);
  REQUIRE(::chown(directory.path.c_str(), 12345, 12345) == 0);
  CHECK(Store::open(directory.path).error().message.contains("belongs to uid 12345, and this is uid"));
  CHECK(Store::open(directory.path + "/missing/state").error().kind == Error::Kind::system);
}

TEST_CASE("one run at a time") {
  const OwnDirectory directory;
  const auto store = opened(directory.path);
  auto first = store.lock();
  REQUIRE(first);
  const auto second = store.lock();
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == Error::Kind::conflict);
  first->reset();
  CHECK(store.lock());
}

TEST_CASE("killed between any two system calls, a file is the old one or the new one") {
  const OwnDirectory directory;
  const std::string file = directory.path + "/file";
  int kills = 0;
  for (int calls = 1;; ++calls) {
    directory.write("file", "old");
    const bool has_finished = killed_before(calls, [&] {
      const int fd = ::open(directory.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (!replace_file(fd, "file", "new", file)) ::_exit(1);
    });
    const auto text = directory.read("file");
    CHECK((text == "old" || text == "new"));
    if (has_finished) {
      CHECK(text == "new");
      break;
    }
    ++kills;
  }
  CHECK(kills >= 6);  // open, write, fsync, close, rename, fsync
}

TEST_CASE("killed anywhere while a chain is stored, what is there is whole and counts only when it fits") {
  const OwnDirectory directory;
  for (int calls = 1;; ++calls) {
    auto store = opened(directory.path);
    REQUIRE(store.save_chain("a", "old chain"));
    REQUIRE(store.save("a", full_state("old chain")));
    const bool has_finished = killed_before(calls, [&] {
      if (!store.save_chain("a", "new chain") || !store.save("a", full_state("new chain"))) ::_exit(1);
    });
    const auto chain = store.load_chain("a");
    REQUIRE(chain);
    CHECK((*chain == "old chain" || *chain == "new chain"));
    const auto state = store.load("a");
    REQUIRE(state);
    if (state->issued) CHECK(state->issued->fingerprint == digest_of(*chain));
    CHECK(state->order.has_value());
    if (has_finished) break;
  }
}

TEST_CASE("a disk that is full leaves the old file in place") {
  const OwnDirectory directory;
  directory.write("file", "old");
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // No room for a byte more: the limit on a file's size stands for a disk without space.
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_FSIZE, &none);
    const int fd = ::open(directory.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ::_exit(replace_file(fd, "file", "new", "file") ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(directory.read("file") == "old");
}
