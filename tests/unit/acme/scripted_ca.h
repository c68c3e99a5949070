// SPDX-License-Identifier: MIT
// An HTTPS server at https://127.0.0.1:14001 that says what a test wants it to say.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/unit/acme/temp_directory.h"

struct MHD_Daemon;

class ScriptedCa {
 public:
  struct Request {
    std::string method;
    std::string path;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
  };
  struct Answer {
    unsigned status = 200;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    bool breaks_off = false;  // the connection ends without an answer
    std::chrono::milliseconds delay{0};
  };
  /// `time` counts the requests for one path, from 1.
  using Script = std::function<Answer(const Request&, int time)>;

  /// A certificate is there from now on; nobody listens before start(), which makes threads.
  ScriptedCa();
  ~ScriptedCa();
  ScriptedCa(const ScriptedCa&) = delete;
  ScriptedCa& operator=(const ScriptedCa&) = delete;

  /// Before start(): the certificate of the server has these dates ("20200101000000Z").
  void set_dates(const std::string& from, const std::string& until);
  /// What `script` leaves alone (status 0) is answered as a good CA does: directory, newNonce, newAccount.
  void start(Script script);

  static std::string url(const std::string& path) { return "https://127.0.0.1:14001" + path; }
  [[nodiscard]] std::string roots() const { return temp_ / "ca.pem"; }
  [[nodiscard]] std::vector<Request> requests();
  [[nodiscard]] int most_at_once() const { return most_at_once_; }

  // For the server's threads.
  Answer answer(const Request& request);

 private:
  TempDirectory temp_;
  std::string key_;
  std::string certificate_;
  Script script_;
  std::mutex mutex_;
  std::vector<Request> requests_;
  std::atomic<int> at_once_ = 0;
  std::atomic<int> most_at_once_ = 0;
  MHD_Daemon* daemon_ = nullptr;
};
