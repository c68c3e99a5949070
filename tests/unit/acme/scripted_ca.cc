// SPDX-License-Identifier: MIT
#include "tests/unit/acme/scripted_ca.h"

#include <arpa/inet.h>
#include <microhttpd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

#include "tests/unit/acme/https_certificate.h"
#include "tests/unit/acme/private_network.h"

namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

MHD_Result take_header(void* self, MHD_ValueKind, const char* name, const char* value) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static_cast<ScriptedCa::Request*>(self)->headers[lower] = value;
  return MHD_YES;
}

MHD_Result handle(void* self, MHD_Connection* connection, const char* url, const char* method, const char*,
                  const char* data, size_t* size, void** state) {
  auto*& request = reinterpret_cast<ScriptedCa::Request*&>(*state);
  if (request == nullptr) {
    request = new ScriptedCa::Request{method, url, {}, ""};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, take_header, request);
    return MHD_YES;
  }
  if (*size > 0) {
    request->body.append(data, *size);
    *size = 0;
    return MHD_YES;
  }
  const auto answer = static_cast<ScriptedCa*>(self)->answer(*request);
  if (answer.breaks_off) return MHD_NO;
  auto* response = MHD_create_response_from_buffer(answer.body.size(), const_cast<char*>(answer.body.data()),
                                                   MHD_RESPMEM_MUST_COPY);
  for (const auto& [name, value] : answer.headers)
    MHD_add_response_header(response, name.c_str(), value.c_str());
  const auto queued = MHD_queue_response(connection, answer.status, response);
  MHD_destroy_response(response);
  return queued;
}

void forget(void*, MHD_Connection*, void** state, MHD_RequestTerminationCode) {
  delete static_cast<ScriptedCa::Request*>(*state);
  *state = nullptr;
}

ScriptedCa::Answer good_answer(const ScriptedCa::Request& request) {
  static std::atomic<int> nonces = 0;
  ScriptedCa::Answer answer;
  answer.headers = {{"Replay-Nonce", fmt::format("nonce{}", ++nonces)}};
  if (request.path == "/dir") {
    answer.body =
        fmt::format(R"({{"newNonce":"{0}/nonce","newAccount":"{0}/account","newOrder":"{0}/order"}})",
                    ScriptedCa::url(""));
  } else if (request.path == "/account") {
    answer.status = 201;
    answer.body = R"({"status":"valid"})";
    answer.headers.emplace_back("Location", ScriptedCa::url("/account/1"));
  } else if (request.path != "/nonce") {
    answer.status = 404;
  }
  return answer;
}

}  // namespace

ScriptedCa::ScriptedCa() {
  enter_private_network();
  make_https_certificate(temp_ / "key.pem", roots());
  key_ = contents(temp_ / "key.pem");
  certificate_ = contents(roots());
}

void ScriptedCa::set_dates(const std::string& from, const std::string& until) {
  date_https_certificate(temp_ / "key.pem", roots(), from, until);
  certificate_ = contents(roots());
}

ScriptedCa::~ScriptedCa() {
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
}

void ScriptedCa::start(Script script) {
  script_ = std::move(script);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(14001);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  daemon_ = MHD_start_daemon(MHD_USE_TLS | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                                 MHD_USE_SUPPRESS_DATE_NO_CLOCK,
                             0, nullptr, nullptr, handle, this, MHD_OPTION_SOCK_ADDR, &address,
                             MHD_OPTION_HTTPS_MEM_KEY, key_.c_str(), MHD_OPTION_HTTPS_MEM_CERT,
                             certificate_.c_str(), MHD_OPTION_NOTIFY_COMPLETED, forget, nullptr,
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, std::size_t{256 * 1024}, MHD_OPTION_END);
  REQUIRE(daemon_ != nullptr);
}

ScriptedCa::Answer ScriptedCa::answer(const Request& request) {
  const int now = ++at_once_;
  for (int most = most_at_once_; most < now && !most_at_once_.compare_exchange_weak(most, now);) {
  }
  Answer answer;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    answer = script_(request, static_cast<int>(std::ranges::count(requests_, request.path, &Request::path)));
  }
  if (answer.status == 0) answer = good_answer(request);
  std::this_thread::sleep_for(answer.delay);
  --at_once_;
  return answer;
}

std::vector<ScriptedCa::Request> ScriptedCa::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}
