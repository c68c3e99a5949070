// SPDX-License-Identifier: MIT
#include "tests/unit/acme/pebble.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "tests/unit/acme/https_certificate.h"
#include "tests/unit/acme/private_network.h"

namespace {

bool is_listening(std::uint16_t port) {
  const certlatch::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

Pebble::Pebble(std::vector<std::string> environment, const std::string& more_config) {
  enter_private_network();
  make_https_certificate(temp_ / "key.pem", roots());
  std::ofstream(temp_ / "pebble.json") << fmt::format(
      R"({{"pebble":{{"listenAddress":"127.0.0.1:14000","managementListenAddress":"127.0.0.1:15000",)"
      R"("certificate":"{}","privateKey":"{}","httpPort":5002,"tlsPort":5001,)"
      R"("domainBlocklist":["blocked.test"]{}}}}})",
      temp_ / "pebble.pem", temp_ / "key.pem", more_config);
  environment.insert(environment.end(), {"PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0", "HOME=/"});
  const std::string config = temp_ / "pebble.json";
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    const int log = ::open((temp_ / "pebble.log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ::dup2(log, 1);
    ::dup2(log, 2);
    std::vector<char*> variables;
    for (auto& variable : environment) variables.push_back(variable.data());
    variables.push_back(nullptr);
    // Nothing answers at the DNS server's port: an honest validation fails at once.
    ::execle("/usr/bin/pebble", "pebble", "-config", config.c_str(), "-dnsserver", "127.0.0.1:1", nullptr,
             variables.data());
    ::_exit(127);
  }
  for (int i = 0; i < 500 && !is_listening(14000); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  REQUIRE(is_listening(14000));
}

Pebble::~Pebble() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}
