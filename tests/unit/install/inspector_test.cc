// SPDX-License-Identifier: MIT
// The real program, confined as on a host.
#include "broker/inspector/inspector.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "broker/helper_process.h"
#include "tests/unit/install/scratch.h"
#include "tests/unit/install/test_pair.h"

using namespace certlatch;
using namespace certlatch::test;
using namespace std::chrono_literals;

namespace {

Policy policy_with(std::vector<std::string> trust_files) {
  Policy policy;
  policy.file = "policy.conf";
  for (auto& file : trust_files) {
    auto& entry = policy.installs.emplace_back();
    entry.name = fmt::format("entry{}", policy.installs.size());
    entry.trust = std::move(file);
    entry.line = 7;
  }
  return policy;
}

/// By the entry's place in the policy above.
Result<Verdict> inspect(HelperProcess& inspector, std::size_t entry, const std::string& chain,
                        const Secret& key, const Wait& wait) {
  const Install request{fmt::format("entry{}", entry + 1), chain, Secret::copy_of(key.bytes())};
  return certlatch::inspect(inspector, request, wait);
}

/// The process that was forked last by this one, which is the inspector.
pid_t inspector_process() {
  std::ifstream children(fmt::format("/proc/self/task/{}/children", ::getpid()));
  pid_t last = -1;
  for (pid_t each; children >> each;)
    if (contents_of(fmt::format("/proc/{}/cmdline", each)).find("certlatch-inspector") != std::string::npos)
      last = each;
  return last;
}

std::string status_field(pid_t process, const std::string& name) {
  std::ifstream status(fmt::format("/proc/{}/status", process));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  return {};
}

}  // namespace

TEST_CASE("the inspector accepts a good pair and tells what is wrong with another") {
  const auto policy = policy_with({""});
  auto inspector = start_inspector(CERTLATCH_INSPECTOR, policy);
  REQUIRE_MESSAGE(inspector, inspector.error().message);
  for (int i = 0; i < 20; ++i) {
    const auto pair = good_pair();
    const auto verdict = inspect(*inspector, 0, pair.chain, Secret::copy_of(pair.key), wait_alone);
    REQUIRE_MESSAGE(verdict, verdict.error().message);
    CHECK(std::ranges::count(verdict->names, "example.org") > 0);
    CHECK(pair.chain.substr(verdict->leaf_bytes).starts_with("-----BEGIN CERTIFICATE-----\n"));
    const auto other = inspect(*inspector, 0, good_pair().chain, Secret::copy_of(pair.key), wait_alone);
    REQUIRE_FALSE(other);
    CHECK(other.error().kind == Error::Kind::refused);
  }
  CHECK(inspector->is_alive());
}

TEST_CASE("every kind of key is inspected within the confinement") {
  auto inspector = start_inspector(CERTLATCH_INSPECTOR, policy_with({""}));
  REQUIRE(inspector);
  const auto root = authority("Test Root");
  for (const auto& key : {ec_key("P-256"), ec_key("P-384"), ec_key("P-521"), rsa_key(4096), ed25519_key()}) {
    const auto leaf = pem_of(certificate(key, {}, &root));
    CHECK(inspect(*inspector, 0, leaf, Secret::copy_of(pem_of(key)), wait_alone));
    const auto refused = inspect(*inspector, 0, leaf, Secret::copy_of(encrypted_pem_of(key)), wait_alone);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == Error::Kind::refused);
  }
}

TEST_CASE("each entry's chain must lead to that entry's trust") {
  Scratch scratch;
  const auto ours = authority("Test Root"), theirs = authority("Other Root");
  write_file(scratch / "ours.pem", pem_of(ours.certificate));
  // A bundle longer than a frame, through a link, as below /etc/ssl/certs.
  write_file(scratch / "bundle.pem", std::string(100'000, '#') + "\n" + pem_of(theirs.certificate));
  std::filesystem::create_symlink("bundle.pem", scratch / "theirs.pem");
  const auto policy = policy_with({scratch / "ours.pem", "", scratch / "theirs.pem", scratch / "ours.pem"});
  auto inspector = start_inspector(CERTLATCH_INSPECTOR, policy);
  REQUIRE_MESSAGE(inspector, inspector.error().message);
  const auto pair = good_pair(ours);
  const auto key = Secret::copy_of(pair.key);
  CHECK(inspect(*inspector, 0, pair.chain, key, wait_alone));
  CHECK(inspect(*inspector, 1, pair.chain, key, wait_alone));
  CHECK_FALSE(inspect(*inspector, 2, pair.chain, key, wait_alone));
  CHECK(inspect(*inspector, 3, pair.chain, key, wait_alone));
}

TEST_CASE("a trust file that is missing, empty or anyone's is refused with the policy's line") {
  Scratch scratch;
  const auto start = [](const std::string& file) {
    auto inspector = start_inspector(CERTLATCH_INSPECTOR, policy_with({file}));
    REQUIRE_FALSE(inspector);
    return inspector.error().message;
  };
  CHECK(start(scratch / "none.pem") ==
        fmt::format("policy.conf:7: trust: {}: No such file or directory", scratch / "none.pem"));
  write_file(scratch / "open.pem", pem_of(authority("Test Root").certificate));
  std::filesystem::permissions(scratch / "open.pem", std::filesystem::perms(0666));
  CHECK(start(scratch / "open.pem").find("written to by others") != std::string::npos);
  write_file(scratch / "empty.pem", "nothing here\n");
  CHECK(start(scratch / "empty.pem").find("no certificates") != std::string::npos);
}

TEST_CASE("the inspector has no privilege, no descriptor but its socket, and a filter") {
  auto inspector = start_inspector(CERTLATCH_INSPECTOR, policy_with({""}));
  REQUIRE(inspector);
  const pid_t process = inspector_process();
  REQUIRE(process > 0);
  CHECK(status_field(process, "Uid") == "65534\t65534\t65534\t65534");
  CHECK(status_field(process, "Gid") == "65534\t65534\t65534\t65534");
  CHECK(status_field(process, "Groups").find_first_not_of(' ') == std::string::npos);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    CHECK(status_field(process, set) == "0000000000000000");
  CHECK(status_field(process, "NoNewPrivs") == "1");
  CHECK(status_field(process, "Seccomp") == "2");
  std::vector<std::string> descriptors;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", process)))
    descriptors.push_back(entry.path().filename());
  std::ranges::sort(descriptors);
  CHECK(descriptors == std::vector<std::string>{"0", "1", "2"});
  CHECK(contents_of(fmt::format("/proc/{}/limits", process)).find("Max processes             0 ") !=
        std::string::npos);
}

TEST_CASE("an inspector that dies or answers late is not asked again") {
  const auto pair = good_pair();
  const auto key = Secret::copy_of(pair.key);
  auto killed = start_inspector(CERTLATCH_INSPECTOR, policy_with({""}));
  REQUIRE(killed);
  REQUIRE(::kill(inspector_process(), SIGKILL) == 0);
  const auto verdict = inspect(*killed, 0, pair.chain, key, wait_alone);
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().kind == Error::Kind::closed);
  CHECK_FALSE(killed->is_alive());

  auto stopped = start_inspector(CERTLATCH_INSPECTOR, policy_with({""}));
  REQUIRE(stopped);
  const pid_t process = inspector_process();
  REQUIRE(::kill(process, SIGSTOP) == 0);
  const auto start = std::chrono::steady_clock::now();
  const auto late = inspect(*stopped, 0, pair.chain, key, wait_alone);
  CHECK(std::chrono::steady_clock::now() - start < 6s);
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == Error::Kind::closed);
  ::kill(process, SIGCONT);
  CHECK_FALSE(inspect(*stopped, 0, pair.chain, key, wait_alone));
}

TEST_CASE("a question about an entry that there is not ends the inspector") {
  const auto pair = good_pair();
  auto inspector = start_inspector(CERTLATCH_INSPECTOR, policy_with({""}));
  REQUIRE(inspector);
  const auto verdict = inspect(*inspector, 1, pair.chain, Secret::copy_of(pair.key), wait_alone);
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().message == "certlatch-inspector: the peer has closed the connection");
}

#ifdef __x86_64__
TEST_CASE("an inspector that tries to open, connect, fork or execute is killed by the kernel") {
  for (const long call :
       {SYS_openat, SYS_open, SYS_socket, SYS_connect, SYS_clone, SYS_execve, SYS_fchmodat, SYS_kill}) {
    auto inspector = start_inspector(CERTLATCH_INSPECTOR, policy_with({""}));
    REQUIRE(inspector);
    const pid_t process = inspector_process();
    // It waits in poll(): taken over, it does this call instead.
    int status = 0;
    REQUIRE(::ptrace(PTRACE_ATTACH, process, nullptr, nullptr) == 0);
    REQUIRE(::waitpid(process, &status, 0) == process);
    user_regs_struct registers{};
    REQUIRE(::ptrace(PTRACE_GETREGS, process, nullptr, &registers) == 0);
    registers.rip -= 2;  // the system call instruction
    registers.rax = static_cast<unsigned long long>(call);
    registers.orig_rax = ~0ULL;
    registers.rdi = static_cast<unsigned long long>(AT_FDCWD);
    registers.rsi = registers.rsp;
    REQUIRE(::ptrace(PTRACE_SETREGS, process, nullptr, &registers) == 0);
    REQUIRE(::ptrace(PTRACE_DETACH, process, nullptr, nullptr) == 0);
    REQUIRE(::waitpid(process, &status, 0) == process);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGSYS);
  }
}
#endif
