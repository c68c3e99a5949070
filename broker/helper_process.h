// SPDX-License-Identifier: MIT
// A program of ours that runs beside the broker and speaks with it over a socketpair: the inspector and the
// runner. It starts with that socket as its standard input, /dev/null as 1 and 2, a session of its own and a
// fixed environment; it inherits nothing else but what it is given by number. It ends when the broker's end
// closes, however the broker ended.
#pragma once

#include <string>
#include <vector>

#include "protocol/channel.h"
#include "protocol/result.h"

namespace certlatch {

inline constexpr int kHelperSocket = 0;
inline constexpr std::chrono::seconds kHelperStart{10};

class HelperProcess {
 public:
  /// Executes `program` with `arguments`; the descriptors `kept` stay open in it. `shed` is what the new
  /// process gives up before that, false when it could not. Kind::system when the program cannot be opened or
  /// a process cannot be made. One that cannot be executed shows as Kind::closed later.
  static Result<HelperProcess> start(const std::string& program, const std::vector<std::string>& arguments,
                                     const std::vector<int>& kept = {}, bool (*shed)() = nullptr);

  // Kind::closed when the helper has died, says nonsense or misses the deadline. It is out of step then and
  // will not be asked again.

  template <class Answer>
  Result<Answer> hear(Deadline deadline, const Wait& wait) {
    auto answer = channel_.receive<Answer>(deadline, wait);
    if (!answer) return fail(lost(answer.error()));
    return answer;
  }
  template <class Answer, class Question>
  Result<Answer> ask(const Question& question, Deadline deadline, const Wait& wait) {
    const auto sent = is_alive_ ? channel_.send(question, deadline) : fail(Error::closed("it has ended"));
    if (!sent) return fail(lost(sent.error()));
    return hear<Answer>(deadline, wait);
  }
  [[nodiscard]] bool is_alive() const { return is_alive_; }

 private:
  HelperProcess(std::string name, UniqueFd socket) : name_(std::move(name)), channel_(std::move(socket)) {}
  Error lost(const Error& error);

  std::string name_;
  Channel channel_;
  bool is_alive_ = true;
};

/// Text from a helper as it may be logged and shown on a terminal: everything but printable ASCII, tabs and
/// line ends becomes `?`.
[[nodiscard]] std::string printable(std::string text);

}  // namespace certlatch
