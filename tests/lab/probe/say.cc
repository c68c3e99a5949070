// SPDX-License-Identifier: MIT
// A worker of few words: says what its arguments tell it to, in one connection, and prints the answers.
//
//   lab-say SOCKET STEP...     hello is said by itself
//     status | open:ENTRY[:SECONDS] | close | install:ENTRY:CHAIN:KEY (files) | restart:ENTRY
//     hold                     wait until the broker ends the connection
//     pause:MILLISECONDS       say nothing for so long
//     until:FILE               say nothing until there is such a file
//     leave                    end the connection, and stay for ten minutes more
//     time                     print the milliseconds since the epoch
//
// Exit status: 0 when every step was granted, 1 when one was refused, 3 when the connection ended.
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "protocol/channel.h"
#include "protocol/messages.h"

namespace {

using namespace certlatch;

std::vector<std::string> words(const std::string& step) {
  std::vector<std::string> all;
  std::istringstream stream(step);
  for (std::string word; std::getline(stream, word, ':');) all.push_back(word);
  return all;
}

std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

auto milliseconds() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

class Conversation {
 public:
  explicit Conversation(UniqueFd socket) : channel_(std::move(socket)) {}

  int say(const std::string& step) {
    const auto word = words(step);
    if (word[0] == "hold") {
      (void)channel_.receive<Answer>(in(std::chrono::minutes(10)));
      return 3;
    }
    if (word[0] == "pause")
      return std::this_thread::sleep_for(std::chrono::milliseconds(std::stoul(word.at(1)))), 0;
    if (word[0] == "until") {
      while (!std::filesystem::exists(word.at(1))) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return 0;
    }
    if (word[0] == "time") return fmt::print("{}\n", milliseconds()), 0;
    if (word[0] == "leave") {
      channel_ = Channel(UniqueFd());
      std::this_thread::sleep_for(std::chrono::minutes(10));
      return 3;
    }
    const auto request = request_of(word);
    if (!channel_.send(request, in(std::chrono::seconds(5)))) return 3;
    const auto answer = channel_.receive<Answer>(in(std::chrono::minutes(2)));
    if (!answer) return 3;
    return std::visit([&](const auto& said) { return hear(word[0], said); }, *answer);
  }

 private:
  Request request_of(const std::vector<std::string>& word) const {
    if (word[0] == "hello") return Hello{};
    if (word[0] == "open")
      return Open{word.at(1), word.size() > 2 ? static_cast<std::uint32_t>(std::stoul(word[2])) : 0};
    if (word[0] == "close") return Close{lease_};
    if (word[0] == "install")
      return Install{word.at(1), contents(word.at(2)), Secret::copy_of(contents(word.at(3)))};
    if (word[0] == "restart") return Restart{word.at(1)};
    return Status{};
  }

  int hear(const std::string& step, const Refused& refused) {
    fmt::print("{} refused: {}\n{}", step, refused.sentence, refused.output);
    return 1;
  }
  int hear(const std::string& step, const Opened& opened) {
    lease_ = opened.lease;
    fmt::print("{}: lease {} for {} s\n", step, opened.lease, opened.seconds);
    return 0;
  }
  int hear(const std::string& step, const auto&) {
    fmt::print("{}: done\n", step);
    return 0;
  }

  Channel channel_;
  std::uint64_t lease_ = 0;
};

UniqueFd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return socket;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || !certlatch::init_secrets()) return 2;
  auto socket = connect_to(argv[1]);
  if (!socket.is_open()) return 3;
  Conversation conversation(std::move(socket));
  std::vector<std::string> steps(argv + 2, argv + argc);
  steps.insert(steps.begin(), "hello");
  int status = 0;
  for (const auto& step : steps) {
    const int heard = conversation.say(step);
    std::fflush(stdout);
    if (heard == 3) return 3;
    status = std::max(status, heard);
  }
  return status;
}
