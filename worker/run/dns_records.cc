// SPDX-License-Identifier: MIT
#include "worker/run/dns_records.h"

#include <fmt/format.h>
#include <poll.h>
#include <sodium.h>

#include <algorithm>
#include <array>

#include "worker/dns/messages.h"
#include "worker/keeper/base64url.h"
#include "worker/run/hook_process.h"

namespace certlatch {
namespace {

constexpr std::chrono::seconds kUpdateDeadline{60};
constexpr std::chrono::seconds kCommandDeadline{60};

std::string value_of(const std::string& key_authorization) {
  std::array<std::byte, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(digest.data()),
                     reinterpret_cast<const unsigned char*>(key_authorization.data()),
                     key_authorization.size());
  return base64url(digest);
}

/// Where, and with which credentials.
DnsOrder first_order(const DnsConfig& dns) {
  switch (dns.provider) {
    case DnsConfig::Provider::cloudflare:
      return UseApi{ApiKind::cloudflare, dns.api, dns.roots, dns.secret_file, dns.zone};
    case DnsConfig::Provider::acme_dns:
      return UseApi{ApiKind::acme_dns, dns.api, dns.roots, dns.secret_file, ""};
    default:
      return UseServer{dns.server, dns.port, dns.zone, dns.key_name, dns.key_file, dns.algorithm};
  }
}

}  // namespace

DnsRecords::~DnsRecords() {
  while (!records_.empty()) remove(std::string(records_.begin()->first));
}

Result<void> DnsRecords::put(const DnsConfig& dns, const std::string& token, const std::string& name,
                             const std::string& key_authorization) {
  const std::string host = name.starts_with("*.") ? name.substr(2) : name;
  const Record record{&dns, "_acme-challenge." + host, value_of(key_authorization)};
  if (auto done = change(record, Change::add); !done) {
    // A command may have done a part of it.
    if (dns.provider == DnsConfig::Provider::command) (void)change(record, Change::remove);
    return fail(done.error().in(fmt::format("[dns {}]", dns.name)));
  }
  records_.insert_or_assign(token, record);
  run_.report.detail(fmt::format("dns: {} TXT {}", record.name, record.value));
  wait_ = std::max(wait_, std::chrono::seconds(dns.wait));
  return {};
}

void DnsRecords::wait_until_known(const std::string& certificate) {
  if (wait_.count() == 0) return;
  run_.report.wait(certificate, "waits for its records to be known to all name servers",
                   run_.now() + wait_.count());
  pollfd stop{run_.stop.fd(), POLLIN, 0};
  ::poll(&stop, 1, static_cast<int>(std::chrono::milliseconds(wait_).count()));
  wait_ = std::chrono::seconds(0);
}

void DnsRecords::remove(const std::string& token) {
  const auto found = records_.find(token);
  if (found == records_.end()) return;
  const Record record = found->second;
  records_.erase(found);
  if (auto done = change(record, Change::remove); !done)
    run_.report.problem(fmt::format("[dns {}]: {} TXT {} is left there: {}", record.dns->name, record.name,
                                    record.value, done.error().message));
}

Result<void> DnsRecords::change(const Record& record, Change what) {
  if (record.dns->provider != DnsConfig::Provider::command) return update(record, what);
  const bool adds = what == Change::add;
  // What was put is taken away even when the run is to stop.
  const StopSignal never;
  const HookCommand& command = adds ? record.dns->add : record.dns->remove;
  LongWait wait(run_.report, fmt::format("[dns {}]", record.dns->name),
                fmt::format("waits for {} to end", command.front()), in(kCommandDeadline));
  const auto ran =
      run_hook({.command = command,
                .environment = {"CERTLATCH_RECORD=" + record.name, "CERTLATCH_VALUE=" + record.value},
                .hidden = run_.store.path(),
                .visible = {}},
               kCommandDeadline, adds ? run_.stop : never, wait);
  if (!ran) return fail(ran.error());
  return {};
}

Result<void> DnsRecords::update(const Record& record, Change what) {
  const DnsConfig& dns = *record.dns;
  if (!helpers_.contains(dns.name)) {
    auto started = run_.peers.start_dns();
    if (!started) return fail(started.error());
    auto& helper = helpers_.emplace(dns.name, std::move(*started)).first->second;
    auto ready = helper.ask<DnsAnswer>(first_order(dns), in(kUpdateDeadline));
    if (!ready) return fail(ready.error());
    if (const auto* failed = std::get_if<DnsFailed>(&*ready)) {
      const std::string sentence = failed->sentence;
      helpers_.erase(dns.name);
      return fail(Error::refused(sentence));
    }
  }
  const DnsOrder order = UpdateRecord{record.name, record.value, what == Change::add};
  auto answer = helpers_.at(dns.name).ask<DnsAnswer>(order, in(kUpdateDeadline));
  if (!answer) return fail(answer.error());
  if (const auto* failed = std::get_if<DnsFailed>(&*answer)) return fail(Error::refused(failed->sentence));
  return {};
}

}  // namespace certlatch
