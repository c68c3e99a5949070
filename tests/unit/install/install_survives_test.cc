// SPDX-License-Identifier: MIT
// A full disk and a killed broker: the pair on disk is whole and matching every time.
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/unit/install/install_host.h"

using namespace certlatch;
using namespace certlatch::test;
namespace fs = std::filesystem;

namespace {

/// In a child, so that what it does to its mounts ends with it; `body` returns what went wrong.
void in_private_mounts(const std::function<std::string()>& body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string wrong = "no namespace";
    if (::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0)
      wrong = body();
    if (::write(ends[1], wrong.data(), wrong.size()) < 0) ::_exit(1);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string wrong(4096, '\0');
  std::size_t filled = 0;
  for (ssize_t n = 1; n > 0 && filled < wrong.size();
       filled += static_cast<std::size_t>(std::max<ssize_t>(n, 0)))
    n = ::read(ends[0], wrong.data() + filled, wrong.size() - filled);
  ::close(ends[0]);
  wrong.resize(filled);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(wrong == "");
}

}  // namespace

TEST_CASE_FIXTURE(InstallHost, "on a full disk the old pair stays and no part of the new one does") {
  fs::create_directories(directory);
  in_private_mounts([&]() -> std::string {
    if (::mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=64k,mode=0755") != 0) return "no tmpfs";
    auto installer = prepare();
    if (!installer) return installer.error().message;
    if (!std::holds_alternative<Installed>((*installer)->install(request("1"), wait_alone)))
      return "first refused";
    // Pages are 4 KiB: with less and less room it is another file that finds none.
    for (std::size_t filling = 0; filling <= 44; filling += 4) {
      write_file(directory + "/filling", std::string(filling * 1024, 'x'));
      auto big = request("2");
      big.chain += std::string(5 * 4096, 'c');
      const auto answer = (*installer)->install(big, wait_alone);
      const auto* refused = std::get_if<Refused>(&answer);
      if (refused == nullptr) return fmt::format("found room beside {} KiB", filling);
      if (refused->reason != RefusalReason::host) return "refused for another reason";
      if (refused->sentence.find(directory + "/2") == std::string::npos ||
          refused->sentence.find("No space left on device") == std::string::npos)
        return refused->sentence;
      if (file("live/privkey.pem") != "key 1\n" || (*installer)->status()[0].state != PairState::whole)
        return "the old pair is gone";
      if (fs::exists(directory + "/2")) return "a part of the new version is left";
    }
    fs::remove(directory + "/filling");
    if (!std::holds_alternative<Installed>((*installer)->install(request("3"), wait_alone)))
      return "nothing fits";
    return {};
  });
}

TEST_CASE_FIXTURE(InstallHost,
                  "killed before or after any system call, the pair on disk is whole and matching") {
  policy.installs[0].combined = true;
  REQUIRE(std::holds_alternative<Installed>(start()->install(request("first"), wait_alone)));
  int kills = 0;
  for (bool is_over = false; !is_over; ++kills) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto installer = prepare();
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::raise(SIGSTOP);
      if (installer) (*installer)->install(request(std::to_string(kills)), wait_alone);
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    // Each system call stops it twice, before and after.
    for (int stops = 0; stops < kills && WIFSTOPPED(status); ++stops) {
      REQUIRE(::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0);
      REQUIRE(::waitpid(child, &status, 0) == child);
    }
    is_over = WIFEXITED(status);
    if (!is_over) {
      REQUIRE(::kill(child, SIGKILL) == 0);
      REQUIRE(::waitpid(child, &status, 0) == child);
      REQUIRE(WIFSIGNALED(status));
    }
    const auto key = file("live/privkey.pem");
    REQUIRE(key.starts_with("key "));
    const auto number = key.substr(4, key.size() - 5);
    CHECK(file("live/cert.pem") == "leaf " + number + "\n");
    CHECK(file("live/chain.pem") == "ca " + number + "\n");
    CHECK(file("live/fullchain.pem") == "leaf " + number + "\nca " + number + "\n");
    CHECK(file("live/combined.pem") == key + file("live/fullchain.pem"));
    CHECK(start()->status()[0].state == PairState::whole);
    std::size_t versions = 0;
    for (const auto& entry : fs::directory_iterator(directory)) versions += entry.path().filename() != "live";
    CHECK(versions <= 3);
  }
  MESSAGE(kills, " kills");
  CHECK(kills > 100);
}
