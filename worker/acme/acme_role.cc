// SPDX-License-Identifier: MIT
// The acme process's main loop: the main process's messages, the keeper's signatures and all transfers in one
// wait.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "protocol/channel.h"
#include "worker/acme/http.h"
#include "worker/acme/orders.h"
#include "worker/acme/sessions.h"
#include "worker/acme/signer.h"
#include "worker/acme/tasks.h"
#include "worker/acme/url.h"
#include "worker/role/role.h"

namespace certlatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The first message comes as soon as the main process has started all its helpers.
constexpr seconds kStartDeadline{60};
// The main process may be busy for long (a service that takes its time to restart); if it is gone, that shows
// at once.
constexpr seconds kSayDeadline{600};
constexpr seconds kLongestWait{600};
constexpr milliseconds kTidying{1500};

template <class... Cases>
struct Takers : Cases... {
  using Cases::operator()...;
};

int complain(const Error& error) {
  fmt::print(stderr, "certlatch acme: {}\n", error.message);
  return 1;
}

/// CA roots, what the resolver reads, and connections to the ports that the configuration names (and DNS's).
RoleLimits limits_for(const AcmeStart& start) {
  RoleLimits limits{.role = "acme", .landlock = {}, .may_open_files = true};
  limits.may_connect = true;
  limits.may_have_threads = true;  // libcurl resolves names in one
  std::vector<std::string> paths{"/etc/resolv.conf", "/etc/hosts",    "/etc/nsswitch.conf",
                                 "/etc/host.conf",   "/etc/gai.conf", "/etc/services"};
  auto& ports = limits.landlock.tcp_connect;
  ports.push_back(53);
  for (const auto& ca : start.cas) {
    if (const auto port = ca.proxy.empty() ? port_of_url(ca.directory) : port_of_proxy(ca.proxy))
      ports.push_back(*port);
    if (!ca.roots.empty()) paths.push_back(ca.roots);
  }
  const auto* curl = curl_version_info(CURLVERSION_NOW);
  for (const char* roots : {curl->cainfo, curl->capath})
    if (roots != nullptr) paths.emplace_back(roots);
  // What the links in the system's directory of roots lead to.
  for (const char* roots : {"/usr/share/ca-certificates", "/usr/local/share/ca-certificates"})
    paths.emplace_back(roots);
  for (const auto& path : paths) {
    std::error_code missing;
    if (std::filesystem::exists(path, missing)) limits.landlock.paths.push_back({path, PathAccess::read});
  }
  return limits;
}

int serve(Channel& parent, Channel keeper, const AcmeStart& start) {
  bool is_parent_gone = false;
  const auto say = [&](const AcmeAnswer& answer) {
    if (!is_parent_gone && !parent.send(answer, in(kSayDeadline))) is_parent_gone = true;
  };
  // Before the confinement: libcurl and OpenSSL read their own files when they start.
  HttpClient http(start.user_agent, start.parallel, [&](std::string line) { say(Spoke{std::move(line)}); });
  if (auto confined = confine_role(limits_for(start)); !confined) return complain(confined.error());
  Signer signer(std::move(keeper));
  const Sessions sessions(start.cas, http, signer, say, say);
  Orders orders(sessions, say);
  Tasks tasks(sessions, signer, say);
  std::optional<Deadline> leaves;
  while (!is_parent_gone) {
    // The main process waits a little longer than this for its helpers to end.
    if (leaves && (!orders.is_tidying() || *leaves <= std::chrono::steady_clock::now())) return 0;
    const auto limit = leaves.value_or(in(kLongestWait));
    const auto wake = std::min(orders.wake().value_or(limit), sessions.wake().value_or(limit));
    const auto time = std::chrono::ceil<milliseconds>(wake - std::chrono::steady_clock::now());
    const std::array<int, 2> descriptors{parent.fd(), signer.fd()};
    // What is gone is always readable.
    const auto watched = std::span(descriptors).first(signer.fd() < 0 ? 1 : 2).subspan(leaves ? 1 : 0);
    if (auto waited = http.wait(watched, std::max(time, milliseconds(0))); !waited)
      return complain(waited.error());
    if (auto ran = http.run(); !ran) return complain(ran.error());
    signer.run();
    while (!leaves) {
      const auto whole = parent.fill();
      if (!whole && whole.error().kind == Error::Kind::closed) {
        leaves = in(kTidying);
        break;
      }
      if (!whole) return complain(whole.error().in("the main process"));
      if (!*whole) break;
      const auto order = parent.take<AcmeOrder>();
      if (!order) return complain(order.error().in("the main process"));
      std::visit(Takers{[](const AcmeStart&) {},  // out of turn; it cannot be answered, and changes nothing
                        [&](const PlaceOrder& body) { orders.take(body); },
                        [&](const Validate& body) { orders.take(body); },
                        [&](const Finalize& body) { orders.take(body); },
                        [&](const auto& body) { tasks.take(body); }},
                 *order);
    }
    sessions.run(std::chrono::steady_clock::now());
    orders.run(std::chrono::steady_clock::now());
  }
  return 0;
}

}  // namespace

int acme_role(Channel parent, Channel keeper) try {
  const auto first = parent.receive<AcmeOrder>(in(kStartDeadline));
  if (!first) return first.error().kind == Error::Kind::closed ? 0 : complain(first.error());
  const auto* start = std::get_if<AcmeStart>(&*first);
  if (start == nullptr) return complain(Error::invalid("the first message is not AcmeStart"));
  return serve(parent, std::move(keeper), *start);
} catch (const std::exception& e) {
  return complain(Error::invalid(e.what()));
}

}  // namespace certlatch
