// SPDX-License-Identifier: MIT
#include "worker/dns/https_api.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <thread>

namespace certlatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMostBytes = 256 * 1024;
constexpr std::size_t kMostHeaderBytes = 32 * 1024;
constexpr int kMostDepth = 32;
constexpr std::size_t kMostShown = 200;
constexpr long kConnectSeconds = 10;
constexpr seconds kLongestPatience{20};
constexpr int kMostTries = 4;

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

milliseconds left_until(Deadline deadline) {
  return std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
}

}  // namespace

std::string shown(std::string_view text) {
  std::string line(text.substr(0, kMostShown));
  std::ranges::replace_if(
      line, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return line;
}

std::string text_of(const nlohmann::json& object, const char* member) {
  if (!object.is_object()) return {};
  const auto found = object.find(member);
  return found == object.end() || !found->is_string() ? std::string() : found->get<std::string>();
}

std::string escaped(std::string_view text) {
  std::string all;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          c == '-' || c == '.' || c == '_' || c == '~';
    all += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return all;
}

Result<nlohmann::json> parse_api_answer(std::string_view body) try {
  const auto in_bounds = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > kMostDepth) throw std::length_error("too deep");
    return true;
  };
  auto json = nlohmann::json::parse(body, in_bounds, true);
  if (json.is_object()) return json;
  return fail(
      Error::invalid("the API's answer is no JSON object (it begins: " + shown(body.substr(0, 60)) + ")"));
} catch (const std::exception&) {
  return fail(Error::invalid(
      body.empty() ? "the API's answer is empty"
                   : "the API's answer is no JSON (it begins: " + shown(body.substr(0, 60)) + ")"));
}

struct HttpsApi::Exchange {
  std::string body;
  std::size_t header_bytes = 0;

  // Called by libcurl, which is C: nothing may be thrown through it.
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self) noexcept try {
    auto& body = static_cast<Exchange*>(self)->body;
    if (size * count > kMostBytes - body.size()) return 0;
    body.append(data, size * count);
    return size * count;
  } catch (const std::exception&) {
    return 0;
  }
  static std::size_t count_header(char*, std::size_t size, std::size_t count, void* self) noexcept {
    auto& bytes = static_cast<Exchange*>(self)->header_bytes;
    bytes += size * count;
    return bytes > kMostHeaderBytes ? 0 : size * count;
  }
};

HttpsApi::HttpsApi(std::string base, std::string roots) : base_(std::move(base)), roots_(std::move(roots)) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  handle_ = curl_easy_init();
  if (handle_ == nullptr) throw std::bad_alloc();
}

HttpsApi::~HttpsApi() { curl_easy_cleanup(handle_); }

Result<ApiAnswer> HttpsApi::send(const char* method, const std::string& path,
                                 const std::vector<std::string>& headers, const std::string& body,
                                 Deadline deadline) {
  milliseconds pause{500};
  for (int tries = 1;; ++tries, pause *= 2) {
    bool may_pass = false;
    auto answer = send_once(method, path, headers, body, deadline, may_pass);
    const bool is_busy = answer && (answer->status == 429 || answer->status >= 500);
    if (!is_busy && !may_pass) return answer;
    const auto wait = is_busy && answer->retry_after ? milliseconds(*answer->retry_after) : pause;
    if (tries == kMostTries || wait > kLongestPatience || wait >= left_until(deadline)) return answer;
    std::this_thread::sleep_for(wait);
  }
}

Result<ApiAnswer> HttpsApi::send_once(const char* method, const std::string& path,
                                      const std::vector<std::string>& headers, const std::string& body,
                                      Deadline deadline, bool& may_pass) {
  auto* handle = static_cast<CURL*>(handle_);
  curl_easy_reset(handle);
  Exchange exchange;
  std::array<char, CURL_ERROR_SIZE> error{};
  std::unique_ptr<curl_slist, FreeList> list;
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)list.release();
    list.reset(longer);
  };
  for (const auto& line : headers) add(line);
  add("Accept: application/json");
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(handle, option, value); };
  const std::string url = base_ + path;
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_CUSTOMREQUEST, method);
  set(CURLOPT_ERRORBUFFER, error.data());
  set(CURLOPT_PROTOCOLS_STR, "https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!roots_.empty()) {
    set(CURLOPT_CAINFO, roots_.c_str());
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(left_until(deadline).count(), 1)));
  set(CURLOPT_USERAGENT, "certlatch/" CERTLATCH_VERSION);
  set(CURLOPT_WRITEFUNCTION, &Exchange::take_body);
  set(CURLOPT_WRITEDATA, &exchange);
  set(CURLOPT_HEADERFUNCTION, &Exchange::count_header);
  set(CURLOPT_HEADERDATA, &exchange);
  if (!body.empty()) {
    add("Content-Type: application/json");
    set(CURLOPT_POSTFIELDS, body.c_str());
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
  }
  set(CURLOPT_HTTPHEADER, list.get());
  if (const auto code = curl_easy_perform(handle); code != CURLE_OK) {
    may_pass = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING;
    return fail(
        Error::invalid(fmt::format("the API at {} cannot be used: {}", shown(base_),
                                   shown(error[0] != '\0' ? error.data() : curl_easy_strerror(code)))));
  }
  ApiAnswer answer;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_off_t wait = 0;
  if (curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0)
    answer.retry_after = seconds(wait);
  auto json = parse_api_answer(exchange.body);
  // Whoever stands before an API that is busy may not speak JSON.
  if (!json && answer.status < 400) return fail(json.error());
  if (json) answer.json = std::move(*json);
  return answer;
}

}  // namespace certlatch
