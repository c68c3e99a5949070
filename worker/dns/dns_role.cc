// SPDX-License-Identifier: MIT
#include <curl/curl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "protocol/channel.h"
#include "worker/acme/url.h"
#include "worker/dns/look_up.h"
#include "worker/dns/messages.h"
#include "worker/dns/provider.h"
#include "worker/dns/update.h"
#include "worker/role/role.h"

namespace certlatch {
namespace {

constexpr std::chrono::minutes kIdle{60};
constexpr std::chrono::seconds kSendDeadline{5};
constexpr std::uint16_t kDnsPort = 53;
constexpr std::chrono::seconds kApiTime{45};

Result<void> confine(std::uint16_t port) {
  RoleLimits limits{.role = "dns", .landlock = {}, .may_connect = true};
  limits.landlock.tcp_connect = {port};
  return confine_role(limits);
}

Result<void> say(Channel& parent, const DnsAnswer& answer) { return parent.send(answer, in(kSendDeadline)); }

DnsAnswer done_or_failed(const Result<void>& done) {
  return done ? DnsAnswer(DnsDone{}) : DnsFailed{done.error().message};
}

Result<void> look_up(Channel& parent, DnsOrder order) {
  auto resolver = Resolver::from("/etc/resolv.conf");
  if (!resolver) return fail(resolver.error());
  if (auto confined = confine(kDnsPort); !confined) return confined;
  for (;;) {
    DnsAnswer answer;
    if (const auto* question = std::get_if<FindAddresses>(&order)) {
      const Deadline deadline = in(std::chrono::milliseconds(question->milliseconds));
      answer = AddressesFound{resolver->addresses(question->names, deadline)};
    } else if (const auto* caa = std::get_if<FindCaa>(&order)) {
      const Deadline deadline = in(std::chrono::milliseconds(caa->milliseconds));
      answer = CaaFound{resolver->caa(caa->names, deadline)};
    } else {
      return fail(Error::invalid("this process only looks things up"));
    }
    if (auto sent = say(parent, answer); !sent) return sent;
    auto next = parent.receive<DnsOrder>(in(kIdle));
    if (!next) return fail(next.error());
    order = std::move(*next);
  }
}

Result<void> update(Channel& parent, const UseServer& server) {
  auto updater = Updater::from(server);
  auto ready = updater ? confine(server.port) : Result<void>(fail(updater.error()));
  if (auto sent = say(parent, done_or_failed(ready)); !sent || !ready) return sent;
  for (;;) {
    const auto order = parent.receive<DnsOrder>(in(kIdle));
    if (!order) return fail(order.error());
    const auto* record = std::get_if<UpdateRecord>(&*order);
    const auto done = record == nullptr
                          ? Result<void>(fail(Error::invalid("this process only updates records")))
                          : updater->change(*record);
    if (auto sent = say(parent, done_or_failed(done)); !sent) return sent;
  }
}

/// What libcurl needs: the roots, what the resolver reads, and threads to resolve names in.
Result<void> confine_for(const UseApi& api) {
  RoleLimits limits{.role = "dns", .landlock = {}, .may_open_files = true, .may_connect = true};
  limits.may_have_threads = true;
  limits.landlock.tcp_connect = {kDnsPort, port_of_url(api.url).value_or(443)};
  std::vector<std::string> paths{"/etc/resolv.conf", "/etc/hosts",    "/etc/nsswitch.conf",
                                 "/etc/host.conf",   "/etc/gai.conf", "/etc/services"};
  if (!api.roots.empty()) paths.push_back(api.roots);
  const auto* curl = curl_version_info(CURLVERSION_NOW);
  for (const char* roots : {curl->cainfo, curl->capath})
    if (roots != nullptr) paths.emplace_back(roots);
  for (const auto& path : paths)
    if (::access(path.c_str(), R_OK) == 0) limits.landlock.paths.push_back({path, PathAccess::read});
  return confine_role(limits);
}

Result<void> update_by(Channel& parent, const UseApi& api) {
  auto provider = provider_for(api);
  auto ready = provider ? confine_for(api) : Result<void>(fail(provider.error()));
  if (auto sent = say(parent, done_or_failed(ready)); !sent || !ready) return sent;
  for (;;) {
    const auto order = parent.receive<DnsOrder>(in(kIdle));
    if (!order) return fail(order.error());
    const auto* record = std::get_if<UpdateRecord>(&*order);
    const auto done = record == nullptr
                          ? Result<void>(fail(Error::invalid("this process only updates records")))
                          : (*provider)->change(*record, in(kApiTime));
    if (auto sent = say(parent, done_or_failed(done)); !sent) return sent;
  }
}

// The first message says what the process is for, and so how far it confines itself.
Result<void> run(Channel& parent) {
  auto first = parent.receive<DnsOrder>(in(kIdle));
  if (!first) return fail(first.error());
  if (const auto* server = std::get_if<UseServer>(&*first)) return update(parent, *server);
  if (const auto* api = std::get_if<UseApi>(&*first)) return update_by(parent, *api);
  return look_up(parent, std::move(*first));
}

}  // namespace

// Its answers are hints: main goes on without them, and nothing is said on standard error.
int dns_role(Channel parent) try {
  const auto done = run(parent);
  return done || done.error().kind == Error::Kind::closed ? 0 : 1;
} catch (const std::exception&) {
  return 1;
}

}  // namespace certlatch
