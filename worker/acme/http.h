// SPDX-License-Identifier: MIT
// HTTPS to the CAs, over libcurl: several requests side by side, connections kept and shared, HTTP/2 where it
// is offered. Only https, no redirects, certificates always verified, every answer bounded in size and time.
// Proxies come from the configuration, never from the environment: a run from cron behaves as one from a
// shell.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "protocol/result.h"
#include "worker/acme/http_message.h"

namespace certlatch {

/// How one CA is reached.
struct HttpRoute {
  std::string ca;     // the section's name, for sentences
  std::string roots;  // PEM file; empty: the system's
  std::string proxy;  // empty: none
};

class HttpClient {
 public:
  using Done = std::move_only_function<void(HttpOutcome)>;
  /// Told of every request that has ended, in one line.
  using Spoke = std::function<void(std::string)>;

  /// At most `parallel` requests are under way at once; others wait for their turn. The first client of a
  /// process must be made before any thread: it initialises libcurl.
  HttpClient(std::string user_agent, std::size_t parallel, Spoke spoke);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// `done` is called from run(), never from here.
  void start(HttpRequest request, const HttpRoute& route, Done done);

  /// Waits until a transfer can move on, one of `descriptors` is readable or has failed, or `time` has
  /// passed.
  Result<void> wait(std::span<const int> descriptors, std::chrono::milliseconds time);
  /// Moves all transfers on as far as possible without waiting, and calls `done` of those that have ended.
  Result<void> run();

 private:
  struct Transfer;
  void begin(std::unique_ptr<Transfer> transfer);
  bool try_with_bundle(std::unique_ptr<Transfer>& transfer, CURLcode code);
  void finish(CURL* handle, CURLcode code);

  std::string user_agent_;
  std::size_t parallel_;
  bool needs_bundle_ = false;  // the system's roots by name (the directory) did not do
  std::chrono::milliseconds least_ = std::chrono::milliseconds::max();  // that a request took
  Spoke spoke_;
  CURLM* multi_;
  std::vector<std::unique_ptr<Transfer>> running_;
  std::deque<std::unique_ptr<Transfer>> waiting_;
};

}  // namespace certlatch
