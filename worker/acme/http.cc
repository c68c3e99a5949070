// SPDX-License-Identifier: MIT
#include "worker/acme/http.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "worker/acme/printable.h"
#include "worker/acme/url.h"

namespace certlatch {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr long kConnectSeconds = 15;
constexpr long kTotalSeconds = 60;
constexpr std::size_t kMaxHeadersBytes = 32 * 1024;
constexpr std::size_t kMaxHeaderValueBytes = 4096;
constexpr std::size_t kMaxHeadersOfAName = 32;

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

const char* name_of(HttpMethod method) {
  switch (method) {
    case HttpMethod::get:
      return "GET";
    case HttpMethod::head:
      return "HEAD";
    case HttpMethod::post:
      return "POST";
  }
  return "";
}

/// A date in an answer is one of the CA's clock, which may be an hour off from ours.
std::chrono::system_clock::time_point clock_of(const std::string& date) {
  const std::time_t time = date.empty() ? -1 : curl_getdate(date.c_str(), nullptr);
  return time < 0 ? std::chrono::system_clock::now() : std::chrono::system_clock::from_time_t(time);
}

/// What is wrong with the date of a certificate that was not accepted, if that is what is wrong.
std::string_view doubt_about_clock(CURL* handle, CURLcode code) {
  long verdict = X509_V_OK;
  if (code != CURLE_PEER_FAILED_VERIFICATION) return "";
  curl_easy_getinfo(handle, CURLINFO_SSL_VERIFYRESULT, &verdict);
  return verdict == X509_V_ERR_CERT_NOT_YET_VALID ? "is not valid yet"
         : verdict == X509_V_ERR_CERT_HAS_EXPIRED ? "has expired"
                                                  : "";
}

std::vector<std::string> headers(CURL* handle, const char* name) {
  std::vector<std::string> values;
  curl_header* found = nullptr;
  while (values.size() < kMaxHeadersOfAName &&
         curl_easy_header(handle, name, values.size(), CURLH_HEADER, -1, &found) == CURLHE_OK)
    values.emplace_back(std::string_view(found->value).substr(0, kMaxHeaderValueBytes));
  return values;
}

std::string header(CURL* handle, const char* name) {
  auto values = headers(handle, name);
  return values.empty() ? "" : std::move(values.front());
}

}  // namespace

std::optional<seconds> parse_retry_after(std::string_view text, std::chrono::system_clock::time_point now) {
  constexpr std::int64_t kMost = 10LL * 366 * 24 * 3600;
  std::int64_t wait = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wait);
  if (end != text.data() + text.size() || error != std::errc()) {
    const std::time_t date = curl_getdate(std::string(text).c_str(), nullptr);
    if (date < 0) return std::nullopt;
    wait = date - std::chrono::system_clock::to_time_t(now);
  }
  return seconds(std::clamp<std::int64_t>(wait, 0, kMost));
}

struct HttpClient::Transfer {
  HttpRequest request;
  HttpRoute route;
  Done done;
  HttpResponse response;
  std::unique_ptr<CURL, FreeHandle> handle;
  std::unique_ptr<curl_slist, FreeList> headers;
  std::array<char, CURL_ERROR_SIZE> error{};
  std::size_t header_bytes = 0;
  bool body_is_too_long = false;
  bool headers_are_too_long = false;
  bool was_with_bundle = false;
  steady_clock::time_point began;

  // Called by libcurl, which is C: nothing may be thrown through it. Anything but `count * size` ends the
  // transfer.
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self) noexcept try {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::size_t bytes = size * count;
    transfer.body_is_too_long = bytes > kMaxBodyBytes - transfer.response.body.size();
    if (transfer.body_is_too_long) return 0;
    transfer.response.body.append(data, bytes);
    return bytes;
  } catch (const std::exception&) {
    return 0;
  }
  static std::size_t count_header(char*, std::size_t size, std::size_t count, void* self) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.header_bytes += size * count;
    transfer.headers_are_too_long = transfer.header_bytes > kMaxHeadersBytes;
    return transfer.headers_are_too_long ? 0 : size * count;
  }

  void prepare(const std::string& user_agent, bool with_bundle);
  [[nodiscard]] HttpFailure failure(CURLcode code) const;
};

void HttpClient::Transfer::prepare(const std::string& user_agent, bool with_bundle) {
  headers.reset();
  handle.reset(curl_easy_init());
  if (!handle) throw std::bad_alloc();
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(handle.get(), option, value); };
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_ERRORBUFFER, error.data());
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!route.roots.empty()) {
    set(CURLOPT_CAINFO, route.roots.c_str());
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  } else if (!with_bundle && curl_version_info(CURLVERSION_NOW)->capath != nullptr) {
    // The one root that is asked for, from the directory, where the bundle would have all of them parsed:
    // most of the time and the memory of a short run.
    set(CURLOPT_CAINFO, static_cast<char*>(nullptr));
  }
  set(CURLOPT_PROXY, route.proxy.c_str());  // "" also switches off what the environment says
  set(CURLOPT_NOPROXY, "");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_PIPEWAIT, 1L);  // rather one more request on a connection than one more handshake
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set(CURLOPT_TIMEOUT, kTotalSeconds);
  set(CURLOPT_USERAGENT, user_agent.c_str());
  set(CURLOPT_WRITEFUNCTION, &Transfer::take_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HEADERFUNCTION, &Transfer::count_header);
  set(CURLOPT_HEADERDATA, this);
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)headers.release();
    headers.reset(longer);
  };
  if (request.method == HttpMethod::head) set(CURLOPT_NOBODY, 1L);
  if (request.method == HttpMethod::post) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, request.body.c_str());
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    add("Content-Type: application/jose+json");
  }
  if (!request.accept.empty()) add("Accept: " + request.accept);
  add("Accept-Language: en");
  set(CURLOPT_HTTPHEADER, headers.get());
}

HttpFailure HttpClient::Transfer::failure(CURLcode code) const {
  const std::string origin(origin_of(request.url));
  const std::string reason = printable(error[0] != '\0' ? error.data() : curl_easy_strerror(code), 300);
  const std::string_view through = route.proxy.empty() ? "" : " through its proxy";
  const std::string url = printable(request.url, 200);
  if (body_is_too_long)
    return {fmt::format("the answer of {} is longer than {} KiB", url, kMaxBodyBytes / 1024)};
  if (headers_are_too_long)
    return {fmt::format("the headers of {} are longer than {} KiB", url, kMaxHeadersBytes / 1024)};
  if (const auto when = doubt_about_clock(handle.get(), code); !when.empty())
    return {
        fmt::format("the HTTPS certificate of {}, or one that it stands on, {} by this host's clock, which "
                    "says {:%Y-%m-%d "
                    "%H:%M} UTC: set the clock if that is wrong; else the CA has to renew it",
                    origin, when, fmt::gmtime(std::time(nullptr)))};
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return {
          route.roots.empty()
              ? fmt::format("the HTTPS certificate of {} is not trusted: {} (roots = FILE in section [ca {}] "
                            "names a private CA's root)",
                            origin, reason, route.ca)
              : fmt::format(
                    "the HTTPS certificate of {} is not trusted: {} (it was checked against {}, as roots "
                    "in section [ca {}] says)",
                    origin, reason, route.roots, route.ca)};
    case CURLE_SSL_CACERT_BADFILE:
      return {route.roots.empty()
                  ? fmt::format(
                        "the system's trusted roots cannot be read: {} (the package ca-certificates brings "
                        "them)",
                        reason)
                  : fmt::format("the roots of section [ca {}] cannot be read: {}", route.ca, reason)};
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
      return {fmt::format("the CA at {} cannot be reached{}: {}", origin, through, reason)};
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return {fmt::format("the connection to {}{} broke off: {}", origin, through, reason), true};
    default:
      return {fmt::format("the request to {}{} failed: {}", origin, through, reason)};
  }
}

HttpClient::HttpClient(std::string user_agent, std::size_t parallel, Spoke spoke)
    : user_agent_(std::move(user_agent)),
      parallel_(std::max<std::size_t>(parallel, 1)),
      spoke_(std::move(spoke)) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  multi_ = curl_multi_init();
  if (multi_ == nullptr) throw std::bad_alloc();
  // By default libcurl closes those that are idle while few requests are under way, and makes them anew.
  const auto most = static_cast<long>(parallel_);
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, most);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 4 * most);
}

HttpClient::~HttpClient() {
  for (const auto& transfer : running_) curl_multi_remove_handle(multi_, transfer->handle.get());
  running_.clear();
  curl_multi_cleanup(multi_);
}

void HttpClient::start(HttpRequest request, const HttpRoute& route, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->request = std::move(request);
  transfer->route = route;
  transfer->done = std::move(done);
  if (running_.size() < parallel_)
    begin(std::move(transfer));
  else
    waiting_.push_back(std::move(transfer));
}

void HttpClient::begin(std::unique_ptr<Transfer> transfer) {
  transfer->prepare(user_agent_, needs_bundle_);
  transfer->was_with_bundle = needs_bundle_;
  transfer->began = steady_clock::now();
  if (curl_multi_add_handle(multi_, transfer->handle.get()) != CURLM_OK) throw std::bad_alloc();
  running_.push_back(std::move(transfer));
}

Result<void> HttpClient::wait(std::span<const int> descriptors, std::chrono::milliseconds time) {
  std::vector<curl_waitfd> extra;
  for (const int fd : descriptors) extra.push_back({fd, CURL_WAIT_POLLIN, 0});
  const auto code =
      curl_multi_poll(multi_, extra.data(), static_cast<unsigned>(extra.size()),
                      static_cast<int>(std::clamp<std::int64_t>(time.count(), 0, 1 << 30)), nullptr);
  if (code != CURLM_OK) return fail(Error::invalid(std::string("libcurl: ") + curl_multi_strerror(code)));
  return {};
}

Result<void> HttpClient::run() {
  int left = 0;
  if (const auto code = curl_multi_perform(multi_, &left); code != CURLM_OK)
    return fail(Error::invalid(std::string("libcurl: ") + curl_multi_strerror(code)));
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left))
    if (message->msg == CURLMSG_DONE) finish(message->easy_handle, message->data.result);
  return {};
}

void HttpClient::finish(CURL* handle, CURLcode code) {
  const auto found =
      std::ranges::find_if(running_, [&](const auto& transfer) { return transfer->handle.get() == handle; });
  if (found == running_.end()) return;
  auto transfer = std::move(*found);
  running_.erase(found);
  curl_multi_remove_handle(multi_, handle);
  if (try_with_bundle(transfer, code)) return;
  // The next in turn before `done`, which may ask for more.
  if (!waiting_.empty()) {
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(std::move(next));
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - transfer->began);
  const auto say = [&](const std::string& how) {
    spoke_(fmt::format("{} {} {} ({} ms)", name_of(transfer->request.method),
                       printable(transfer->request.url, 500), how, took.count()));
  };
  if (code != CURLE_OK) {
    auto failure = transfer->failure(code);
    say("failed: " + failure.sentence);
    transfer->done(std::unexpected(std::move(failure)));
    return;
  }
  auto& response = transfer->response;
  response.took = took;
  response.least = least_ = std::min(least_, took);
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &response.status);
  response.nonce = header(handle, "Replay-Nonce");
  response.url = transfer->request.url;
  response.location = resolved(response.url, header(handle, "Location"));
  response.links = headers(handle, "Link");
  if (const auto text = header(handle, "Retry-After"); !text.empty())
    response.retry_after = parse_retry_after(text, clock_of(header(handle, "Date")));
  if (const auto text = header(handle, "Date"); !text.empty())
    response.date = std::max<std::time_t>(curl_getdate(text.c_str(), nullptr), 0);
  say(std::to_string(response.status));
  transfer->done(std::move(response));
}

/// A root that an admin has added to the bundle alone, or a system whose directory is not one of hashes.
bool HttpClient::try_with_bundle(std::unique_ptr<Transfer>& transfer, CURLcode code) {
  const bool may_help = code == CURLE_PEER_FAILED_VERIFICATION && transfer->route.roots.empty();
  if (!may_help || transfer->was_with_bundle) return false;
  needs_bundle_ = true;
  transfer->error = {};
  begin(std::move(transfer));
  return true;
}

}  // namespace certlatch
