// SPDX-License-Identifier: MIT
#include "worker/responder/http_server.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace certlatch {
namespace {

constexpr std::string_view kPrefix = "/.well-known/acme-challenge/";
// A request line, its headers and the answer's fit several times.
constexpr std::size_t kConnectionBytes = 8 * 1024;

int socket_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info == nullptr ? -1 : info->connect_fd;
}

using Headers = std::initializer_list<std::pair<const char*, std::string>>;

MHD_Result send(MHD_Connection* connection, unsigned status, std::string_view body, const Headers& headers) {
  // Copied: the token may be forgotten before the answer has left.
  MHD_Response* response =
      MHD_create_response_from_buffer(body.size(), const_cast<char*>(body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  for (const auto& [name, value] : headers) MHD_add_response_header(response, name, value.c_str());
  const MHD_Result queued = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return queued;
}

/// Where the same would be asked for with HTTPS; empty when the request does not say clearly what it wants.
std::string https_place(std::string_view host, std::string_view uri) {
  host = host.substr(0, host.starts_with('[') ? host.find(']') + 1 : host.find(':'));
  const auto is_host = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  };
  const auto is_address = [](unsigned char c) { return std::isxdigit(c) != 0 || c == '.' || c == ':'; };
  const bool is_named =
      !host.empty() &&
      (host.starts_with('[') ? std::ranges::all_of(host.substr(1, host.size() - 2), is_address)
                             : std::ranges::all_of(host, is_host));
  const bool is_plain =
      uri.starts_with('/') && std::ranges::all_of(uri, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (!is_named || !is_plain) return {};
  return std::string("https://").append(host).append(uri);
}

}  // namespace

struct HttpCallbacks {
  static MHD_Result answer(void* self, MHD_Connection* connection, const char* url, const char* method,
                           const char*, const char*, std::size_t*, void**) {
    auto& tokens = static_cast<HttpServer*>(self)->tokens_;
    const std::string_view path(url);
    // Answered on the headers alone: a body that is announced is never waited for.
    if (std::string_view(method) == MHD_HTTP_METHOD_GET && path.starts_with(kPrefix)) {
      const auto found = tokens.entries.find(path.substr(kPrefix.size()));
      if (found != tokens.entries.end()) {
        ++found->second.requests;
        return send(connection, MHD_HTTP_OK, found->second.key_authorization,
                    {{MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream"}});
      }
    }
    return static_cast<MHD_Result>(static_cast<HttpServer*>(self)->send_on(connection));
  }

  // Before libmicrohttpd takes it apart, in place.
  static void* note_uri(void* self, const char* uri, MHD_Connection* connection) {
    static_cast<HttpServer*>(self)->connected_[socket_of(connection)].uri = uri;
    return nullptr;
  }

  static void notice(void* self, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode code) {
    auto& server = *static_cast<HttpServer*>(self);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
      ++server.tokens_.connections;
      server.connected_[socket_of(connection)] = {HttpServer::Clock::now() + kConnectionDeadline, {}};
    } else {
      server.connected_.erase(socket_of(connection));
      server.has_room_again_ = true;
    }
  }

  // The path is compared as it was sent: a token needs no escapes.
  static std::size_t leave_escaped(void*, MHD_Connection*, char* text) {
    return std::string_view(text).size();
  }
};

Result<std::unique_ptr<HttpServer>> HttpServer::start(UniqueFd listening, Tokens& tokens) {
  std::unique_ptr<HttpServer> server(new HttpServer(tokens));
  server->daemon_ = MHD_start_daemon(
      MHD_USE_EPOLL, 0, nullptr, nullptr, &HttpCallbacks::answer, server.get(),                  //
      MHD_OPTION_LISTEN_SOCKET, listening.get(),                                                 //
      MHD_OPTION_CONNECTION_LIMIT, kMaxConnections,                                              //
      MHD_OPTION_CONNECTION_TIMEOUT, static_cast<unsigned>(kConnectionDeadline.count()),         //
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionBytes,                                      //
      MHD_OPTION_NOTIFY_CONNECTION, &HttpCallbacks::notice, static_cast<void*>(server.get()),    //
      MHD_OPTION_UNESCAPE_CALLBACK, &HttpCallbacks::leave_escaped, static_cast<void*>(nullptr),  //
      MHD_OPTION_URI_LOG_CALLBACK, &HttpCallbacks::note_uri, static_cast<void*>(server.get()),   //
      MHD_OPTION_END);
  if (server->daemon_ == nullptr) return fail(Error::system("libmicrohttpd does not start"));
  // libmicrohttpd closes it.
  (void)listening.release();
  const auto* info = MHD_get_daemon_info(server->daemon_, MHD_DAEMON_INFO_EPOLL_FD);
  if (info == nullptr) return fail(Error::system("libmicrohttpd has no epoll descriptor", ENOTSUP));
  server->epoll_ = info->epoll_fd;
  return server;
}

HttpServer::~HttpServer() {
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
}

int HttpServer::send_on(MHD_Connection* connection) {
  const std::pair<const char*, std::string> is_text{MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain"};
  const std::pair<const char*, std::string> is_for_now{MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"};
  if (tokens_.others == Others::https) {
    const char* host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    const auto place = https_place(host == nullptr ? "" : host, connected_[socket_of(connection)].uri);
    // 307: not to be remembered, and a form stays a form.
    if (!place.empty())
      return send(connection, MHD_HTTP_TEMPORARY_REDIRECT, "",
                  {{MHD_HTTP_HEADER_LOCATION, place}, is_for_now});
  }
  if (tokens_.others == Others::http)
    return send(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "back in a few seconds\n",
                {is_text, is_for_now, {MHD_HTTP_HEADER_RETRY_AFTER, "10"}, {"Refresh", "10"}});
  return send(connection, MHD_HTTP_NOT_FOUND, "not found\n", {is_text});
}

std::optional<HttpServer::Clock::time_point> HttpServer::next_deadline() const {
  std::optional<Clock::time_point> next;
  for (const auto& [fd, visit] : connected_) next = next ? std::min(*next, visit.end) : visit.end;
  MHD_UNSIGNED_LONG_LONG milliseconds = 0;
  if (MHD_get_timeout(daemon_, &milliseconds) == MHD_YES) {
    // Libmicrohttpd counts idle time in its own clock; it is looked at again within a second at most.
    const auto soon =
        Clock::now() + std::chrono::milliseconds(std::min<MHD_UNSIGNED_LONG_LONG>(milliseconds, 1000));
    next = next ? std::min(*next, soon) : soon;
  }
  return next;
}

void HttpServer::serve() {
  // At its limit libmicrohttpd takes the listening socket out of its epoll set, and puts it back at the start
  // of a later run: without that run nobody would be let in any more.
  do {
    has_room_again_ = false;
    MHD_run(daemon_);
  } while (has_room_again_);
  // Libmicrohttpd's own time-out starts again with every byte: a peer that drips them would stay for ever.
  const auto now = Clock::now();
  for (auto& [fd, visit] : connected_) {
    if (visit.end > now) continue;
    ::shutdown(fd, SHUT_RDWR);
    visit.end = now + std::chrono::seconds(1);
  }
}

}  // namespace certlatch
