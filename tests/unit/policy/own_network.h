// SPDX-License-Identifier: MIT
// Commands, and networks with a ruleset of their own for them to change.
#pragma once

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

namespace certlatch {

/// What `command` prints on both streams, given `input`; marked when it fails.
inline std::string output_of(const std::string& command, const std::string& input = {}) {
  // The input goes through a file, since popen() has one direction.
  std::string pattern = "/tmp/certlatch-rules-XXXXXX";
  const int fd = mkstemp(pattern.data());
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, input.data(), input.size()) == static_cast<ssize_t>(input.size()));
  close(fd);
  FILE* pipe = popen(("{ " + command + "; } <" + pattern + " 2>&1").c_str(), "r");
  std::string text;
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  const int status = pclose(pipe);
  unlink(pattern.c_str());
  return status == 0 ? text : "failed: " + text;
}

/// What `work` returns in a child process with an empty network and ruleset of its own.
inline std::string in_own_network(const std::function<std::string()>& work) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = unshare(CLONE_NEWNET) == 0 ? work() : "no namespace";
    (void)!write(ends[1], text.data(), text.size());
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return text;
}

}  // namespace certlatch
