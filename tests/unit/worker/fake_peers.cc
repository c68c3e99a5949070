// SPDX-License-Identifier: MIT
#include "tests/unit/worker/fake_peers.h"

#include <fmt/format.h>

#include <algorithm>

#include "worker/acme/messages.h"
#include "worker/dns/messages.h"
#include "worker/keeper/messages.h"
#include "worker/responder/messages.h"
#include "worker/state/certificate_state.h"
#include "worker/verify/messages.h"

namespace certlatch {
namespace {

constexpr std::chrono::seconds kLong{20};

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

FakePeers::~FakePeers() {
  for (auto& thread : threads_) thread.join();
}

void FakePeers::note(std::string event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
}

std::vector<std::string> FakePeers::events() {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::size_t FakePeers::when(std::string_view beginning) {
  const auto list = events();
  const auto found =
      std::ranges::find_if(list, [&](const auto& event) { return event.starts_with(beginning); });
  return static_cast<std::size_t>(found - list.begin());
}

std::size_t FakePeers::count(std::string_view beginning) {
  const auto list = events();
  return static_cast<std::size_t>(
      std::ranges::count_if(list, [&](const auto& event) { return event.starts_with(beginning); }));
}

void FakePeers::forget_events() {
  const std::lock_guard lock(mutex_);
  events_.clear();
}

Channel FakePeers::serve(std::function<void(Channel)> server) {
  auto pair = joined_sockets().value();
  threads_.emplace_back(
      [server = std::move(server), fd = pair.other.release()] { server(Channel(UniqueFd(fd))); });
  return Channel(std::move(pair.one));
}

Result<Channel> FakePeers::connect_broker() {
  note("connect");
  if (!has_broker) return fail(Error::closed("there is no broker"));
  return serve([this](Channel channel) { serve_broker(std::move(channel)); });
}
Result<HelperProcess> FakePeers::start_keeper(UniqueFd) {
  note("start keeper");
  return HelperProcess("keeper", serve([this](Channel channel) { serve_keeper(std::move(channel)); }));
}
Result<HelperProcess> FakePeers::start_acme(UniqueFd) {
  note("start acme");
  return HelperProcess("acme", serve([this](Channel channel) { serve_acme(std::move(channel)); }));
}
Result<HelperProcess> FakePeers::start_responder() {
  note("start responder");
  return HelperProcess("responder", serve([this](Channel channel) { serve_responder(std::move(channel)); }));
}
Result<HelperProcess> FakePeers::start_verify() {
  note("start verify");
  return HelperProcess(
      "verify", serve([this](Channel channel) {
        std::vector<std::uint32_t> asked;
        while (const auto order = channel.receive<VerifyOrder>(in(kLong))) {
          if (std::holds_alternative<CompareChallenge>(*order)) {
            (void)channel.send(VerifyAnswer(ChallengeCompared{}), in(kLong));
            continue;
          }
          const auto& where = std::get<CompareServed>(*order);
          note(fmt::format("compare {}:{} {}", where.host, where.port, where.name));
          if (verify_dies_of.contains(where.host)) return;
          asked.push_back(where.id);
          if (asked.size() < compare_together) continue;
          std::this_thread::sleep_for(takes);
          for (; !asked.empty(); asked.pop_back())
            (void)channel.send(VerifyAnswer(Compared{asked.back(), served.empty(), served}), in(kLong));
        }
      }));
}
Result<HelperProcess> FakePeers::start_dns() {
  note("start dns");
  return HelperProcess("dns", serve([](Channel channel) {
                         const auto order = channel.receive<DnsOrder>(in(kLong));
                         if (!order) return;
                         AddressesFound found;
                         for (const auto& name : std::get<FindAddresses>(*order).names)
                           found.names.push_back({name, {"192.0.2.7"}, ""});
                         (void)channel.send(DnsAnswer(found), in(kLong));
                       }));
}

void FakePeers::serve_acme(Channel channel) {
  std::map<std::uint32_t, PlaceOrder> orders;
  std::vector<std::uint32_t> validating;
  const auto say = [&](const AcmeAnswer& answer) { (void)channel.send(answer, in(kLong)); };
  const auto first = [&](std::uint32_t id) { return orders[id].names.front(); };
  const auto problem = [&](std::uint32_t id, const char* sentence) {
    say(OrderFailed{id, sentence, order_problem, "no such name", {{first(id), "t", "d"}}, true});
  };
  while (const auto order = channel.receive<AcmeOrder>(in(kLong))) {
    bool goes_on = true;
    std::visit(
        Overloaded{[&](const AcmeStart& start) { note(fmt::format("ca {}", start.cas.at(0).account_url)); },
                   [&](const PlaceOrder& place) {
                     orders[place.id] = place;
                     note(fmt::format("place {} {}{}{}", first(place.id), place.order_url,
                                      place.replaces.empty() ? "" : " instead of " + place.replaces,
                                      place.profile.empty() ? "" : " as " + place.profile));
                     if (fail_ca.contains(place.ca)) return problem(place.id, "newOrder: not here");
                     if (place.id == 0) say(AccountKnown{place.ca, "https://ca.test/account/1"});
                     if (fail_order.contains(first(place.id))) return problem(place.id, "newOrder: no");
                     OrderReady ready{place.id, fmt::format("https://ca.test/order/{}", place.id), {}};
                     if (!challenges_are_valid)
                       for (const auto& name : place.names)
                         ready.challenges.push_back({name, "token-" + name});
                     say(ready);
                   },
                   [&](const Validate& validate) {
                     note("validate " + first(validate.id));
                     if (at_validate) at_validate();
                     if (takes.count() != 0)
                       say(Progress{.id = validate.id, .what = "waits for the CA", .seconds = 120});
                     std::this_thread::sleep_for(takes);
                     validating.push_back(validate.id);
                     if (validating.size() < validate_together) return;
                     for (const auto id : std::exchange(validating, {})) {
                       note("decided " + first(id));
                       if (fail_validation.contains(first(id)))
                         problem(id, "the CA could not validate");
                       else
                         say(Validated{id});
                     }
                   },
                   [&](const Finalize& finalize) {
                     note(fmt::format("finalize {} {}", first(finalize.id), finalize.csr));
                     if (acme_dies_at_finalize) {
                       goes_on = false;
                       return;
                     }
                     say(Issued{finalize.id, fmt::format("chain {} of {}", ++serial_, finalize.csr),
                                kNotBefore, kNotAfter, renewal_id, remark});
                   },
                   [&](const AccountTask& task) {
                     note(fmt::format("account task {}", static_cast<int>(task.action)));
                     say(AccountShown{task.id, "https://ca.test/account/1", "valid", {}, ""});
                   },
                   [&](const Revoke& revoke) {
                     note(fmt::format("revoke {} {}", revoke.ca, revoke.reason));
                     say(Revoked{revoke.id, false});
                   },
                   [&](const EndAuthorizations& end) {
                     note("end authorizations");
                     say(AuthorizationsEnded{end.id, 1});
                   },
                   [&](const AskRenewalInfo& ask) {
                     note("ask about " + ask.renewal_id);
                     auto info = renewal_info[ask.renewal_id];
                     info.id = ask.id;
                     say(info);
                   },
                   [&](const ReadChain& read) {
                     say(ChainRead{read.id, read.chain, {}, 0, 0, "", ""});
                   },
                   [&](const AskDirectory& ask) {
                     say(DirectoryShown{ask.id, "", {}, false, 0});
                   }},
        *order);
    if (!goes_on) return;
  }
}

void FakePeers::serve_keeper(Channel channel) {
  const auto say = [&](const KeeperAnswer& answer) { (void)channel.send(answer, in(kLong)); };
  while (const auto order = channel.receive<KeeperOrder>(in(kLong))) {
    std::visit(
        Overloaded{[&](const KeeperStart&) {},
                   [&](const UseAccount& use) {
                     note(fmt::format("account {} {}{}", use.ca, use.origin, use.is_trial ? " trial" : ""));
                     say(AccountReady{"thumb", false});
                   },
                   [&](const MakeRequest& make) {
                     note(fmt::format("request {} {}", make.certificate,
                                      make.is_trial  ? "trial"
                                      : make.new_key ? "new"
                                                     : "kept"));
                     if (make.is_trial) return say(RequestReady{"csr of a trial"});
                     if (make.new_key || keys[make.certificate].empty())
                       keys[make.certificate] = fmt::format("key {}", ++serial_);
                     say(RequestReady{"csr of " + keys[make.certificate]});
                   },
                   [&](const TakeKey& take) {
                     note("take " + take.certificate);
                     if (!keys.contains(take.certificate)) return say(KeeperFailed{"there is no key"});
                     say(KeyTaken{Secret::copy_of(keys[take.certificate])});
                   },
                   [&](const UseNextKey&) {
                     say(AccountReady{"next thumb", true, true});
                   },
                   [&](const AdoptNextKey& adopt) {
                     note("adopt " + adopt.ca);
                     say(KeeperDone{});
                   },
                   [&](const UseCertificateKey&) { say(KeeperDone{}); },
                   [&](const ExportAccount&) { say(KeyTaken{Secret::copy_of("the account's key")}); },
                   [&](const ImportAccount& import) {
                     note(fmt::format("import {}", import.key.text()));
                     say(AccountReady{"thumb", true, false});
                   },
                   [&](const ImportKey&) { say(KeyImported{}); },
                   [&](const ForgetKey& forget) {
                     note("forget " + forget.certificate);
                     keys.erase(forget.certificate);
                     say(KeeperDone{});
                   }},
        *order);
  }
}

void FakePeers::serve_responder(Channel channel) {
  const auto say = [&](const ResponderAnswer& answer) { (void)channel.send(answer, in(kLong)); };
  while (const auto order = channel.receive<ResponderOrder>(in(kLong))) {
    std::visit(Overloaded{[&](const Listen& listen) {
                            for (const auto& place : listen.places)
                              note(fmt::format("listen {}{}", place.loopback_only ? "lo " : "", place.port));
                            if (port_is_taken) return say(ResponderFailed{"port 8080 is taken"});
                            say(Listening{});
                          },
                          [&](const AnswerToken& token) {
                            note(fmt::format("answer {} {}", token.token, token.key_authorization));
                            say(TokenAnswered{});
                          },
                          [&](const ForgetToken& token) {
                            note("drop " + token.token);
                            say(TokenForgotten{0, 0});
                          }},
               *order);
  }
}

void FakePeers::serve_broker(Channel channel) {
  while (const auto request = channel.receive<Request>(in(kLong))) {
    const bool installs_something =
        std::holds_alternative<Install>(*request) || std::holds_alternative<Stage>(*request);
    if (broker_dies_at_install && installs_something) break;
    if (!channel.send(answer(*request), in(kLong))) break;
    if (broker_dies_after_restart && std::holds_alternative<Restart>(*request)) break;
  }
  undo_staged();
}

void FakePeers::undo_staged() {
  for (const auto& [entry, live] : std::exchange(staged, {})) installs[entry] = live;
}

Answer FakePeers::restart(const std::string& service) {
  note("restart " + service);
  std::this_thread::sleep_for(takes);
  for (const auto& [entry, before] : staged) {
    if (!fail_check.contains(entry)) continue;
    undo_staged();
    return Refused{RefusalReason::check, 7, "the check of " + service + " fails", ""};
  }
  staged.clear();
  if (refuse_restart.contains(service))
    return Refused{RefusalReason::command, 7, "restart " + service + ": no", "out\n"};
  for (const auto& [entry, live] : installs) loaded[service][entry] = live.fingerprint;
  return Restarted{};
}

Answer FakePeers::answer(const Request& request) {
  const auto refused = [](const std::string& sentence) {
    return Refused{RefusalReason::policy, 7, sentence, "out\n"};
  };
  return std::visit(Overloaded{[&](const Hello&) -> Answer {
                                 return HelloAnswer{kProtocolVersion, {}, "nothing"};
                               },
                               [&](const Open& open) -> Answer {
                                 note("open " + open.entry);
                                 if (refuse_open.contains(open.entry))
                                   return refused("open " + open.entry + ": no");
                                 return Opened{++leases_, 60};
                               },
                               [&](const Close& close) -> Answer {
                                 note(fmt::format("close {}", close.lease));
                                 return Closed{};
                               },
                               [&](const Install& install) -> Answer {
                                 note(fmt::format("install {} {}", install.entry, install.key.text()));
                                 if (refuse_install.contains(install.entry))
                                   return refused("install " + install.entry + ": no");
                                 if (fail_check.contains(install.entry))
                                   return Refused{RefusalReason::check, 7, "check of " + install.entry, ""};
                                 staged.erase(install.entry);
                                 auto& live = installs[install.entry];
                                 live.state = PairState::whole;
                                 live.fingerprint = digest_of(install.chain);
                                 return Installed{++live.version};
                               },
                               [&](const Stage& stage) -> Answer {
                                 note(fmt::format("stage {} {}", stage.entry, stage.key.text()));
                                 if (refuse_install.contains(stage.entry))
                                   return refused("install " + stage.entry + ": no");
                                 auto& live = installs[stage.entry];
                                 staged.try_emplace(stage.entry, live);
                                 live.state = PairState::whole;
                                 live.fingerprint = digest_of(stage.chain);
                                 return Installed{++live.version};
                               },
                               [&](const Restart& wanted) -> Answer { return restart(wanted.entry); },
                               [&](const Status& asked) -> Answer {
                                 const auto is_meant = [&](const std::string& entry) {
                                   return asked.installs.empty() ||
                                          std::ranges::count(asked.installs, entry) > 0;
                                 };
                                 StatusAnswer status;
                                 status.openings = openings;
                                 for (auto& [entry, live] : installs) {
                                   live.entry = entry;
                                   if (is_meant(entry)) status.installs.push_back(live);
                                 }
                                 for (const auto& service : services) {
                                   status.services.push_back({service, {}});
                                   for (const auto& [entry, digest] : loaded[service])
                                     if (is_meant(entry))
                                       status.services.back().loaded.push_back({entry, digest});
                                 }
                                 return status;
                               }},
                    request);
}

}  // namespace certlatch
