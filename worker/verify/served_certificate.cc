// SPDX-License-Identifier: MIT
#include "worker/verify/served_certificate.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "worker/responder/alpn_name.h"

namespace certlatch {
namespace {

using TlsContext = std::unique_ptr<SSL_CTX, OpensslDeleter<SSL_CTX_free>>;
using Tls = std::unique_ptr<SSL, OpensslDeleter<SSL_free>>;
using Addresses = std::unique_ptr<addrinfo, OpensslDeleter<::freeaddrinfo>>;

constexpr std::size_t kMaxGreetingBytes = 16 * 1024;

std::string place_of(const std::string& host, std::uint16_t port) {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Result<void> wait_for(int fd, short events, Deadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return fail(Error::timed_out("no answer in time"));
    pollfd ready{fd, events, 0};
    const int n = ::poll(&ready, 1, static_cast<int>(left.count()));
    if (n > 0) return {};
    if (n < 0 && errno != EINTR) return fail(Error::system("poll"));
  }
}

Result<UniqueFd> connect_to(const addrinfo& address, Deadline deadline) {
  UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) return fail(Error::system("socket"));
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return fd;
  if (errno != EINPROGRESS) return fail(Error::system("connect"));
  if (auto ready = wait_for(fd.get(), POLLOUT, deadline); !ready) return fail(ready.error());
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return fail(Error::system("connect", error));
  return fd;
}

Result<UniqueFd> connect_to(const std::string& host, std::uint16_t port, Deadline deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0)
    return fail(Error::invalid(fmt::format("{}: {}", host, ::gai_strerror(error))));
  const Addresses addresses(found);
  Result<UniqueFd> connected = fail(Error::invalid("no address"));
  for (addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    if (address->ai_family == AF_INET)
      reinterpret_cast<sockaddr_in*>(address->ai_addr)->sin_port = htons(port);
    else if (address->ai_family == AF_INET6)
      reinterpret_cast<sockaddr_in6*>(address->ai_addr)->sin6_port = htons(port);
    else
      continue;
    connected = connect_to(*address, deadline);
    if (connected) break;
  }
  return connected;
}

/// The few lines of a mail protocol before TLS, read byte by byte, so that nothing of TLS is swallowed.
class Talk {
 public:
  Talk(int fd, Deadline deadline) : fd_(fd), deadline_(deadline) {}

  Result<void> say(std::string_view line) {
    // A line is far smaller than any socket's buffer.
    if (::send(fd_, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
      return fail(Error::system("send"));
    return {};
  }
  /// Reads lines until one that begins with `good`; one that begins with `bad` ends it, empty for none.
  Result<void> expect(std::string_view good, std::string_view bad) {
    for (;;) {
      const auto line = read_line();
      if (!line) return fail(line.error());
      if (line->starts_with(good)) return {};
      if (bad.empty() ? !line->starts_with(good.substr(0, 1)) : line->starts_with(bad))
        return fail(Error::invalid("the server does not offer TLS there"));
    }
  }

 private:
  Result<std::string> read_line() {
    std::string line;
    for (char c = 0;;) {
      if (auto ready = wait_for(fd_, POLLIN, deadline_); !ready) return fail(ready.error());
      const ssize_t n = ::recv(fd_, &c, 1, 0);
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n < 0) return fail(Error::system("recv"));
      if (n == 0) return fail(Error::closed("the server ended the connection"));
      if (c == '\n') return line;
      if (++bytes_ > kMaxGreetingBytes) return fail(Error::invalid("the server's greeting does not end"));
      line += c;
    }
  }
  int fd_;
  Deadline deadline_;
  std::size_t bytes_ = 0;
};

Result<void> ask_for_tls(int fd, Greeting greeting, Deadline deadline) {
  Talk talk(fd, deadline);
  Result<void> done;
  switch (greeting) {
    case Greeting::none:
      return {};
    case Greeting::smtp:
      if (!(done = talk.expect("220 ", "")) || !(done = talk.say("EHLO certlatch.invalid\r\n")) ||
          !(done = talk.expect("250 ", "")) || !(done = talk.say("STARTTLS\r\n")))
        return done;
      return talk.expect("220", "");
    case Greeting::imap:
      if (!(done = talk.expect("* OK", "* BYE")) || !(done = talk.say("a STARTTLS\r\n"))) return done;
      return talk.expect("a OK", "a ");
    case Greeting::pop3:
      if (!(done = talk.expect("+OK", "-")) || !(done = talk.say("STLS\r\n"))) return done;
      return talk.expect("+OK", "-");
  }
  return {};
}

/// `protocols` as ALPN has them on the wire; empty for none.
Result<Certificate> handshake(int fd, const std::string& name, std::string_view protocols,
                              Deadline deadline) {
  const TlsContext context(SSL_CTX_new(TLS_client_method()));
  if (!context) return fail(openssl_error("TLS"));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  if (!protocols.empty())
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
  const Tls tls(SSL_new(context.get()));
  if (!tls || SSL_set_fd(tls.get(), fd) != 1 ||
      (!name.empty() && SSL_set_tlsext_host_name(tls.get(), name.c_str()) != 1))
    return fail(openssl_error("TLS"));
  for (int n = 0; (n = SSL_connect(tls.get())) != 1;) {
    const int error = SSL_get_error(tls.get(), n);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
      return fail(openssl_error("the TLS handshake failed"));
    if (auto ready = wait_for(fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline); !ready)
      return fail(ready.error());
  }
  Certificate certificate(SSL_get1_peer_certificate(tls.get()));
  if (!certificate) return fail(Error::invalid("the server shows no certificate"));
  return certificate;
}

std::string printable(std::string_view text) {
  constexpr std::size_t kMost = 200;
  std::string line(text.substr(0, kMost));
  std::ranges::replace_if(
      line, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return line;
}

std::string names_of(X509& certificate) {
  const GeneralNames names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  constexpr int kMost = 3;
  std::string text;
  const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  for (int i = 0; i < std::min(count, kMost); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    text += (text.empty() ? "" : " ") +
            printable({reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                       static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))});
  }
  if (count > kMost) text += " ...";
  return text.empty() ? "no name" : text;
}

std::string date_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown day";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min);
}

std::string issuer_of(X509& certificate) {
  if (X509_self_signed(&certificate, 0) == 1) return "itself";
  char text[256] = "";
  X509_NAME_get_text_by_NID(X509_get_issuer_name(&certificate), NID_commonName, text, sizeof text);
  return text[0] == '\0' ? "an issuer without a name" : printable(text);
}

}  // namespace

Result<Certificate> first_certificate(std::string_view pem) {
  const Bio text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Certificate certificate(text ? PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!certificate) return fail(openssl_error("the certificate that should be served cannot be read"));
  return certificate;
}

Result<Certificate> served_certificate(const CompareServed& where, Deadline deadline) {
  auto fd = connect_to(where.host, where.port, deadline);
  if (!fd) return fail(fd.error().in(place_of(where.host, where.port)));
  if (auto asked = ask_for_tls(fd->get(), where.greeting, deadline); !asked)
    return fail(asked.error().in(place_of(where.host, where.port)));
  auto certificate = handshake(fd->get(), where.name, {}, deadline);
  if (!certificate) return fail(certificate.error().in(place_of(where.host, where.port)));
  return certificate;
}

Result<Certificate> challenge_certificate(const CompareChallenge& where, Deadline deadline) {
  auto fd = connect_to(where.address, where.port, deadline);
  if (!fd) return fail(fd.error());
  auto certificate = handshake(fd->get(), server_name_of(where.name),
                               "\x0a"
                               "acme-tls/1",
                               deadline);
  // Whatever went wrong: somebody is there.
  if (!certificate && certificate.error().kind == Error::Kind::system)
    return fail(Error::invalid(certificate.error().message));
  return certificate;
}

std::string difference_text(X509& served, X509& wanted, const std::string& name) {
  const char* reason = nullptr;
  int days = 0, seconds = 0;
  // Of the same second: two runs, one after the other.
  const bool is_older =
      ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(&served), X509_get0_notBefore(&wanted)) == 1 &&
      (days > 0 || (days == 0 && seconds >= 0));
  const bool is_for_it = name.empty() || X509_check_host(&served, name.data(), name.size(), 0, nullptr) == 1;
  if (!is_for_it)
    reason = "the server has no site of that name, or shows its default certificate for it";
  else if (is_older)
    reason = "the service was not restarted after the install, or it does not read the files in `live`";
  else
    reason = "another program has installed a newer one there, or another server answers";
  return fmt::format("serves a certificate for {}, valid from {} until {}, from {}: {}", names_of(served),
                     date_of(X509_get0_notBefore(&served)), date_of(X509_get0_notAfter(&served)),
                     issuer_of(served), reason);
}

}  // namespace certlatch
