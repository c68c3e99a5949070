// SPDX-License-Identifier: MIT
#include "worker/responder/tls_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "worker/responder/alpn_name.h"

namespace certlatch {
namespace {
constexpr std::size_t kMaxVisitors = 64;
constexpr std::chrono::seconds kVisit{10};
}  // namespace

void TlsServer::Free::operator()(ssl_st* connection) const { SSL_free(connection); }
void TlsServer::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
TlsServer::~TlsServer() = default;

Result<std::unique_ptr<TlsServer>> TlsServer::start(UniqueFd listening, AlpnAnswers& answers) {
  std::unique_ptr<TlsServer> server(new TlsServer(std::move(listening), answers));
  server->epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!server->epoll_.is_open()) return fail(Error::system("epoll_create1"));
  server->context_.reset(SSL_CTX_new(TLS_server_method()));
  if (!server->context_) return fail(Error::invalid("OpenSSL does not start"));
  SSL_CTX_set_min_proto_version(server->context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_tlsext_servername_callback(server->context_.get(), &TlsServer::choose_answer);
  SSL_CTX_set_tlsext_servername_arg(server->context_.get(), server.get());
  server->watch(server->listening_.get(), EPOLL_CTL_ADD, EPOLLIN);
  return server;
}

void TlsServer::watch(int fd, int operation, std::uint32_t events) const {
  epoll_event event{events, {.fd = fd}};
  ::epoll_ctl(epoll_.get(), operation, fd, &event);
}

int TlsServer::choose_answer(ssl_st* connection, int* alert, void* self) {
  const char* name = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
  ssl_ctx_st* context =
      name == nullptr ? nullptr : static_cast<TlsServer*>(self)->answers_.find(server_name_of(name));
  if (context != nullptr && SSL_set_SSL_CTX(connection, context) != nullptr) return SSL_TLSEXT_ERR_OK;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::optional<Server::Clock::time_point> TlsServer::next_deadline() const {
  std::optional<Clock::time_point> next;
  for (const auto& [fd, visitor] : visitors_) next = std::min(next.value_or(visitor.end), visitor.end);
  return next;
}

void TlsServer::let_in() {
  while (visitors_.size() < kMaxVisitors) {
    UniqueFd socket(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.is_open()) return;
    ++answers_.connections;
    const int fd = socket.get();
    std::unique_ptr<ssl_st, Free> tls(SSL_new(context_.get()));
    if (!tls || SSL_set_fd(tls.get(), fd) != 1) return;
    watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    visitors_.emplace(fd, Visitor{std::move(socket), std::move(tls), Clock::now() + kVisit});
  }
  // No room: others wait in the kernel's queue.
  watch(listening_.get(), EPOLL_CTL_MOD, 0);
}

bool TlsServer::shake_hands(Visitor& visitor) {
  ERR_clear_error();
  const int done = SSL_accept(visitor.tls.get());
  if (done == 1) SSL_shutdown(visitor.tls.get());
  const int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(visitor.tls.get(), done);
  ERR_clear_error();
  if (error == SSL_ERROR_WANT_WRITE) watch(visitor.socket.get(), EPOLL_CTL_MOD, EPOLLOUT);
  if (error == SSL_ERROR_WANT_READ) watch(visitor.socket.get(), EPOLL_CTL_MOD, EPOLLIN);
  return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ;
}

void TlsServer::serve() {
  std::array<epoll_event, 16> events{};
  const bool was_full = visitors_.size() >= kMaxVisitors;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
    if (fd == listening_.get()) {
      let_in();
    } else if (const auto found = visitors_.find(fd);
               found != visitors_.end() && !shake_hands(found->second)) {
      visitors_.erase(found);
    }
  }
  const auto now = Clock::now();
  std::erase_if(visitors_, [&](const auto& entry) { return entry.second.end <= now; });
  if (was_full && visitors_.size() < kMaxVisitors) watch(listening_.get(), EPOLL_CTL_MOD, EPOLLIN);
}

}  // namespace certlatch
