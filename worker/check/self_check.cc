// SPDX-License-Identifier: MIT
#include "worker/check/self_check.h"

#include <fmt/format.h>

#include "worker/check/local_exchange.h"
#include "worker/verify/messages.h"

namespace certlatch {
namespace {

// On a loopback an answer takes some 0.1 ms; a firewall may keep it away.
constexpr std::chrono::milliseconds kTime{250};
constexpr std::chrono::milliseconds kTlsTime{1000};

/// The responder says that it listens: when it is nowhere to be found, that is the loopback's fault.
SelfCheck settled(SelfCheck check, const ListenAt& place) {
  if (!check.served.ipv4 && !check.served.ipv6) check.served = {true, !place.loopback_only};
  return check;
}

}  // namespace

Result<SelfCheck> look_by_http(const ListenAt& place, const std::string& token,
                               const std::string& key_authorization) {
  const auto request = challenge_request("localhost", token);
  const auto wanted = "\r\n\r\n" + key_authorization;
  SelfCheck check{.served = {true, !place.loopback_only}};
  for (const bool is_ipv6 : {false, true}) {
    bool& is_served = is_ipv6 ? check.served.ipv6 : check.served.ipv4;
    if (!is_served) continue;
    const Deadline deadline = in(kTime);
    const UniqueFd fd = connect_to(is_ipv6 ? "::1" : "127.0.0.1", place.port, deadline);
    if (!fd.is_open()) is_served = errno == ETIMEDOUT;
    if (!fd.is_open()) continue;
    const auto answer = exchange(fd.get(), request, wanted, deadline);
    // None in time: visitors may have filled the room, and the CA tries more than once.
    if (!answer) continue;
    if (!answer->starts_with("HTTP/1.1 200 ") || !answer->ends_with(wanted))
      return fail(Error::conflict(fmt::format(
          "port {} of this host says something else over {} than the responder was told to: the CA would not "
          "be shown the challenge",
          place.port, is_ipv6 ? "IPv6" : "IPv4")));
    ++check.requests;
  }
  return settled(check, place);
}

Result<SelfCheck> look_by_tls(HelperProcess& verify, const ListenAt& place, const std::string& name,
                              const std::string& key_authorization) {
  SelfCheck check{.served = {true, !place.loopback_only}};
  for (const char* address : {"127.0.0.1", "::1"}) {
    bool& is_served = std::string_view(address).contains(':') ? check.served.ipv6 : check.served.ipv4;
    if (!is_served) continue;
    const auto asked =
        verify.ask<VerifyAnswer>(VerifyOrder(CompareChallenge{address, place.port, name, key_authorization,
                                                              static_cast<std::uint32_t>(kTlsTime.count())}),
                                 in(2 * kTlsTime));
    const auto* compared = asked ? std::get_if<ChallengeCompared>(&*asked) : nullptr;
    if (compared == nullptr) return check;
    if (compared->outcome == ChallengeOutcome::other)
      return fail(Error::conflict(compared->sentence + ": the CA would not be shown the challenge"));
    is_served = compared->outcome != ChallengeOutcome::nobody;
    check.requests += compared->outcome == ChallengeOutcome::right ? 1 : 0;
  }
  return settled(check, place);
}

}  // namespace certlatch
