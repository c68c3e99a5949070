// SPDX-License-Identifier: MIT
// An order's way when the CA does what RFC 8555 says.
#include "worker/acme/order_flow.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/acme/canned_ca.h"
#include "worker/acme/issued_chain.h"
#include "worker/keeper/base64url.h"

using namespace certlatch;
using namespace std::chrono_literals;

TEST_CASE("an order goes its whole way") {
  auto ca = good_ca({"a.test", "b.test"});
  auto flow = flow_for({"A.test", "b.test", "a.TEST"});
  const auto ready = ended<OrderReady>(ca.run(flow));
  CHECK(ready.id == 5);
  CHECK(ready.order_url == kOrder);
  REQUIRE(ready.challenges.size() == 2);
  CHECK(ready.challenges[0].name == "a.test");
  CHECK(ready.challenges[0].token == "token-of-a");
  CHECK(Json::parse(ca.requests[0].payload) ==
        Json::parse(R"({"identifiers":[{"type":"dns","value":"a.test"},{"type":"dns","value":"b.test"}]})"));
  CHECK(ca.requests[1].payload.empty());  // POST-as-GET
  CHECK_FALSE(flow.wake());               // it waits for the main process now
  CHECK(ca.times_asked(challenge("a.test")) == 0);

  flow.validate(ca.now);
  CHECK(ended<Validated>(ca.run(flow)).id == 5);
  CHECK(ca.times_asked(challenge("a.test")) == 1);
  CHECK(ca.times_asked(challenge("b.test")) == 1);

  flow.finalize(canned_csr(), ca.now);
  const auto issued = ended<Issued>(ca.run(flow));
  CHECK(issued.id == 5);
  CHECK(issued.chain.starts_with("-----BEGIN CERTIFICATE-----\n"));
  CHECK(issued.not_after - issued.not_before == 3600);
  CHECK(ca.requests.back().accept == "application/pem-certificate-chain");
  const auto submitted = std::ranges::find(ca.requests, kFinalize, &CaRequest::url);
  CHECK(submitted->payload == R"({"csr":")" + base64url(canned_csr()) + R"("})");
  CHECK(issued.renewal_id.ends_with(".AIA"));  // serial 0x80: with the zero that DER puts before it
}

TEST_CASE("all authorizations of an order are asked for at once") {
  auto ca = good_ca({"a.test", "b.test", "c.test"});
  auto flow = flow_for({"a.test", "b.test", "c.test"});
  auto first = flow.wanted(ca.now);
  REQUIRE(first.size() == 1);
  CHECK(flow.wanted(ca.now).empty());
  flow.answer(first[0].ticket, ca.answers[kNewOrder].front(), ca.now);
  CHECK(flow.wanted(ca.now).size() == 3);
  CHECK(flow.wanted(ca.now).empty());
}

TEST_CASE("an address is an identifier of its own type") {
  auto flow = flow_for({"192.0.2.1", "2001:DB8::0:1"});
  CHECK(Json::parse(flow.wanted(Deadline{})[0].request.payload) ==
        Json::parse(
            R"({"identifiers":[{"type":"ip","value":"192.0.2.1"},{"type":"ip","value":"2001:db8::1"}]})"));
}

TEST_CASE("authorizations that are valid already are skipped") {
  auto ca = good_ca({"a.test", "b.test"});
  ca.answers[authz("a.test")].clear();
  ca.will_answer(authz("a.test"), 200, authorization_json("valid", "a.test"));
  auto flow = flow_for({"a.test", "b.test"});
  const auto ready = ended<OrderReady>(ca.run(flow));
  REQUIRE(ready.challenges.size() == 1);
  CHECK(ready.challenges[0].name == "b.test");
  flow.validate(ca.now);
  ended<Validated>(ca.run(flow));
  CHECK(ca.times_asked(challenge("a.test")) == 0);
}

TEST_CASE("a challenge that is under way already is not sent again") {
  auto ca = good_ca({"a.test"});
  auto processing = authorization_json("pending", "a.test");
  processing["challenges"][1]["status"] = "processing";
  ca.answers[authz("a.test")].front() = CannedCa::response(200, processing.dump());
  auto flow = flow_for({"a.test"});
  CHECK(ended<OrderReady>(ca.run(flow)).challenges.size() == 1);
  flow.validate(ca.now);
  ended<Validated>(ca.run(flow));
  CHECK(ca.times_asked(challenge("a.test")) == 0);
}

TEST_CASE("an order that needs no challenge is finalized as it is") {
  for (const auto* status : {"ready", "processing", "valid"}) {
    CAPTURE(status);
    auto ca = good_ca({"a.test"});
    ca.answers[kOrder].clear();
    ca.will_answer(kOrder, 200, order_json(status, {"a.test"}));
    ca.will_answer(kOrder, 200, order_json("valid", {"a.test"}));
    SUBCASE("that is new") { ca.answers[kNewOrder].front().body = order_json(status, {"a.test"}).dump(); }
    SUBCASE("that an earlier run left") { ca.answers.erase(kNewOrder); }
    auto flow = flow_for({"a.test"}, ca.answers.contains(kNewOrder) ? "" : kOrder);
    const auto ready = ended<OrderReady>(ca.run(flow));
    CHECK(ready.challenges.empty());
    CHECK(ready.order_url == kOrder);
    flow.finalize(canned_csr(), ca.now);
    ended<Issued>(ca.run(flow));
    CHECK(ca.times_asked(kFinalize) == (status == std::string("ready") ? 1 : 0));
  }
}

TEST_CASE("an order of an earlier run that cannot be gone on with is replaced") {
  auto ca = good_ca({"a.test", "b.test"});
  const std::string old = "https://ca.test/order/old";
  SUBCASE("it is gone") { ca.will_answer(old, 404, {{"type", "urn:ietf:params:acme:error:malformed"}}); }
  SUBCASE("it is invalid") { ca.will_answer(old, 200, order_json("invalid", {"a.test", "b.test"})); }
  SUBCASE("it is for other names") { ca.will_answer(old, 200, order_json("pending", {"a.test"})); }
  SUBCASE("it cannot be read") { ca.answers[old].push_back(CannedCa::response(200, "<html>")); }
  SUBCASE("an authorization of it has expired") {
    auto order = order_json("pending", {"a.test", "b.test"});
    order["authorizations"][1] = "https://ca.test/authz/old";
    ca.will_answer(old, 200, order);
    ca.will_answer("https://ca.test/authz/old", 200, authorization_json("expired", "b.test"));
    ca.answers[authz("a.test")].push_front(ca.answers[authz("a.test")].front());
  }
  auto flow = flow_for({"a.test", "b.test"}, old);
  CHECK(ended<OrderReady>(ca.run(flow)).order_url == kOrder);
}

TEST_CASE("late answers for an order that was replaced are not taken for the new one's") {
  auto ca = good_ca({"a.test", "b.test"});
  auto flow = flow_for({"a.test", "b.test"}, "https://ca.test/order/old");
  auto old = flow.wanted(ca.now);
  flow.answer(old[0].ticket, CannedCa::response(200, order_json("pending", {"a.test", "b.test"}).dump()),
              ca.now);
  old = flow.wanted(ca.now);
  REQUIRE(old.size() == 2);
  flow.answer(old[0].ticket, CannedCa::response(404, "{}"), ca.now);  // gives the old order up
  auto fresh = flow.wanted(ca.now);
  REQUIRE(fresh.size() == 1);
  flow.answer(fresh[0].ticket, ca.answers[kNewOrder].front(), ca.now);
  fresh = flow.wanted(ca.now);
  REQUIRE(fresh.size() == 2);
  flow.answer(old[1].ticket, CannedCa::response(200, authorization_json("invalid", "b.test").dump()), ca.now);
  for (const auto& [ticket, request] : fresh) flow.answer(ticket, ca.answers[request.url].front(), ca.now);
  CHECK(ended<OrderReady>(flow.take_event().value()).challenges.size() == 2);
}

TEST_CASE("an authorization that is not decided is given up after two minutes, with few questions") {
  auto ca = good_ca({"a.test", "b.test"});
  auto& answers = ca.answers[authz("b.test")];
  answers.pop_back();  // never valid
  auto flow = flow_for({"a.test", "b.test"});
  ended<OrderReady>(ca.run(flow));
  const auto began = ca.now;
  flow.validate(ca.now);
  const auto failed = failure(ca, flow);
  CHECK(failed.sentence == "the CA has not decided within 120 seconds on b.test");
  CHECK_FALSE(failed.order_is_lost);
  CHECK(ca.now - began == OrderFlow::kPatience);
  CHECK(ca.times_asked(authz("b.test")) < 40);
}

TEST_CASE("the first question after a challenge comes soon") {
  auto ca = good_ca({"a.test"});
  auto flow = flow_for({"a.test"});
  ended<OrderReady>(ca.run(flow));
  const auto began = ca.now;
  flow.validate(ca.now);
  ended<Validated>(ca.run(flow));
  CHECK(ca.now - began <= 200ms);
}

TEST_CASE("Retry-After is respected, but not beyond half a minute") {
  for (const auto& [asked, expected] : {std::pair{3s, 3s}, std::pair{3600s, 30s}}) {
    auto ca = good_ca({"a.test"});
    ca.answers[challenge("a.test")].front().retry_after = asked;
    for (auto& answer : ca.answers[authz("a.test")]) answer.retry_after = 0s;
    ca.answers[authz("a.test")].erase(ca.answers[authz("a.test")].begin() + 1);
    auto flow = flow_for({"a.test"});
    ended<OrderReady>(ca.run(flow));
    const auto began = ca.now;
    flow.validate(ca.now);
    ended<Validated>(ca.run(flow));
    CHECK(ca.now - began == expected);
  }
}

TEST_CASE("an order that stays in processing is given up after two minutes, to be gone on with later") {
  auto ca = good_ca({"a.test"});
  ca.answers[kOrder].pop_back();
  auto flow = flow_for({"a.test"});
  ended<OrderReady>(ca.run(flow));
  flow.validate(ca.now);
  ended<Validated>(ca.run(flow));
  flow.finalize(canned_csr(), ca.now);
  const auto failed = failure(ca, flow);
  CHECK(failed.sentence == "the CA has not issued the certificate within 120 seconds");
  CHECK_FALSE(failed.order_is_lost);
  CHECK(failed.retry_after == 0);
}

TEST_CASE("a CA that is given up is left alone for as long as it has asked for") {
  auto ca = good_ca({"a.test", "b.test"});
  ca.answers[authz("b.test")].pop_back();  // never valid
  ca.answers[authz("b.test")].back().retry_after = 3600s;
  auto flow = flow_for({"a.test", "b.test"});
  ended<OrderReady>(ca.run(flow));
  flow.validate(ca.now);
  const auto failed = failure(ca, flow);
  CHECK_FALSE(failed.order_is_lost);
  // It was asked last within the last half minute.
  CHECK(failed.retry_after >= 3570);
  CHECK(failed.retry_after <= 3600);
}

TEST_CASE("a CA that is slower with the order than with its authorizations is asked again") {
  auto ca = good_ca({"a.test"});
  ca.answers[kFinalize].clear();
  ca.will_answer(kFinalize, 403, {{"type", "urn:ietf:params:acme:error:orderNotReady"}});
  ca.will_answer(kFinalize, 200, order_json("valid", {"a.test"}));
  ca.answers[kOrder].clear();
  ca.will_answer(kOrder, 200, order_json("pending", {"a.test"}));
  ca.will_answer(kOrder, 200, order_json("ready", {"a.test"}));
  auto flow = flow_for({"a.test"});
  ended<OrderReady>(ca.run(flow));
  flow.validate(ca.now);
  ended<Validated>(ca.run(flow));
  flow.finalize(canned_csr(), ca.now);
  ended<Issued>(ca.run(flow));
  CHECK(ca.times_asked(kFinalize) == 2);
}

TEST_CASE("a CA that never finds the order ready is not asked for ever") {
  auto ca = good_ca({"a.test"});
  ca.answers[kFinalize].clear();
  ca.will_answer(kFinalize, 403, {{"type", "urn:ietf:params:acme:error:orderNotReady"}});
  ca.answers[kOrder].clear();
  ca.will_answer(kOrder, 200, order_json("ready", {"a.test"}));
  auto flow = flow_for({"a.test"});
  ended<OrderReady>(ca.run(flow));
  flow.validate(ca.now);
  ended<Validated>(ca.run(flow));
  flow.finalize(canned_csr(), ca.now);
  failure(ca, flow);
  CHECK(ca.times_asked(kFinalize) < 40);
}

TEST_CASE("of the chains that a CA offers, the one that leads to the preferred root is taken") {
  const auto ca_with = [](const std::vector<std::string>& roots) {
    auto ca = good_ca({"a.test"});
    ca.answers[kCertificate].clear();
    auto first = CannedCa::response(200, certificate_pem({"a.test"}, roots.front()));
    first.links = {"<https://ca.test/dir>;rel=\"index\"", "<https://elsewhere.test/c>;rel=\"alternate\""};
    for (std::size_t i = 1; i < roots.size(); ++i) {
      const auto url = fmt::format("https://ca.test/certificate/{}", i);
      first.links.push_back(fmt::format("<{}>; title=\"a, b\"; rel=\"alternate\"", url));
      ca.answers[url].push_back(roots[i].empty()
                                    ? CannedCa::response(404, "")
                                    : CannedCa::response(200, certificate_pem({"a.test"}, roots[i])));
    }
    ca.answers[kCertificate].push_back(std::move(first));
    return ca;
  };
  std::string remark;
  const auto taken = [&remark](CannedCa& ca) {
    auto flow = flow_for({"a.test"}, "", {.preferred_chain = "X2"});
    ended<OrderReady>(ca.run(flow));
    flow.validate(ca.now);
    ended<Validated>(ca.run(flow));
    flow.finalize(canned_csr(), ca.now);
    const auto issued = ended<Issued>(ca.run(flow));
    remark = issued.remark;
    return check_chain(issued.chain, canned_csr(), {"a.test"}).value().root_name;
  };
  auto third = ca_with({"X1", "", "X2", "X3"});
  CHECK(taken(third) == "X2");
  CHECK(third.times_asked("https://ca.test/certificate/3") == 0);
  auto at_once = ca_with({"X2", "X1"});
  CHECK(taken(at_once) == "X2");
  CHECK(remark.empty());
  CHECK(at_once.times_asked("https://ca.test/certificate/1") == 0);
  auto never = ca_with({"X1", "X3", ""});
  CHECK(taken(never) == "X1");  // better another chain than none
  CHECK(remark ==
        "the CA has no chain to `X2`, which `chain` asks for; its default was taken; it has X1, X3");
}

TEST_CASE("a profile is asked for where it is offered") {
  const auto asked = [](std::vector<std::string> profiles, bool is_required) -> std::string {
    PlaceOrder order{5, "ca", {"a.test"}, ""};
    order.profile = "shortlived";
    order.profile_is_required = is_required;
    OrderFlow flow(order, {.new_order = kNewOrder, .profiles = std::move(profiles)});
    const auto wanted = flow.wanted(Deadline{});
    if (wanted.empty()) return ended<OrderFailed>(*flow.take_event()).sentence;
    return Json::parse(wanted[0].request.payload).value("profile", "none");
  };
  CHECK(asked({"classic", "shortlived"}, true) == "shortlived");
  CHECK(asked({"classic"}, false) == "none");
  CHECK(asked({"classic", "tls"}, true) ==
        "the CA does not offer the profile `shortlived`, which is required; it offers classic, tls");
  CHECK(asked({}, true) == "the CA offers no profiles, and the profile `shortlived` is required");
}

TEST_CASE("a profile that the CA refuses is given up, unless it is required") {
  for (const bool is_required : {false, true}) {
    auto ca = good_ca({"a.test"});
    ca.answers[kNewOrder].push_front(CannedCa::response(
        400, R"({"type":"urn:ietf:params:acme:error:invalidProfile","detail":"not you"})"));
    PlaceOrder order{5, "ca", {"a.test"}, ""};
    order.profile = "tls";
    order.profile_is_required = is_required;
    OrderFlow flow(order, {.new_order = kNewOrder, .profiles = {"tls"}});
    if (is_required) {
      CHECK(failure(ca, flow).sentence.contains("none that the account may use"));
    } else {
      ended<OrderReady>(ca.run(flow));
      CHECK(Json::parse(ca.requests[0].payload).contains("profile"));
      CHECK_FALSE(Json::parse(ca.requests[1].payload).contains("profile"));
    }
  }
}

TEST_CASE("an order names the certificate that it replaces, and does without when the CA objects") {
  const auto order_for = [](bool has_renewal_info) {
    PlaceOrder order{5, "ca", {"a.test"}, ""};
    order.replaces = "aki.serial";
    return OrderFlow(order, {.new_order = kNewOrder, .has_renewal_info = has_renewal_info});
  };
  auto unknown = order_for(false);
  CHECK_FALSE(Json::parse(unknown.wanted(Deadline{})[0].request.payload).contains("replaces"));
  const std::string type = "urn:ietf:params:acme:error:";
  for (const auto& [status, body] : {std::pair{409L, R"({"type":")" + type + R"(alreadyReplaced"})"},
                                     {400L, R"({"type":")" + type + R"(notKnownToday"})"},
                                     {400L, R"({"type":"about:blank"})"},
                                     {404L, ""},
                                     {409L, "<html>"},
                                     {500L, R"({"type":")" + type + R"(serverInternal"})"},
                                     {502L, "<html>"}}) {
    CAPTURE(status);
    CAPTURE(body);
    auto ca = good_ca({"a.test"});
    ca.answers[kNewOrder].push_front(CannedCa::response(status, body));
    auto flow = order_for(true);
    ended<OrderReady>(ca.run(flow));
    CHECK(Json::parse(ca.requests[0].payload)["replaces"] == "aki.serial");
    CHECK_FALSE(Json::parse(ca.requests[1].payload).contains("replaces"));
  }
}

TEST_CASE("what a CA says about the host or the account is no reason to leave `replaces` out") {
  for (const auto* type :
       {"rateLimited", "badNonce", "userActionRequired", "accountDoesNotExist", "badSignatureAlgorithm"}) {
    CAPTURE(type);
    auto ca = good_ca({"a.test"});
    ca.answers[kNewOrder].push_front(
        CannedCa::response(403, fmt::format(R"({{"type":"urn:ietf:params:acme:error:{}"}})", type)));
    PlaceOrder order{5, "ca", {"a.test"}, ""};
    order.replaces = "aki.serial";
    OrderFlow flow(order, {.new_order = kNewOrder, .has_renewal_info = true});
    CHECK(failure(ca, flow).type.ends_with(type));
    CHECK(ca.times_asked(kNewOrder) == 1);
  }
}

TEST_CASE("an order of an earlier run is kept while the CA has a fault or is busy") {
  for (const long status : {500L, 429L}) {
    auto ca = good_ca({"a.test"});
    const std::string old = "https://ca.test/order/old";
    SUBCASE("with the order") { ca.will_answer(old, status, {{"type", "x"}}); }
    SUBCASE("with its authorization") {
      ca.will_answer(old, 200, order_json("pending", {"a.test"}));
      ca.answers[authz("a.test")].push_front(CannedCa::response(status, ""));
    }
    auto flow = flow_for({"a.test"}, old);
    CHECK_FALSE(failure(ca, flow).order_is_lost);
    CHECK(ca.times_asked(kNewOrder) == 0);
  }
}

TEST_CASE("challenges that nobody here understands are ignored, whatever they look like") {
  auto ca = good_ca({"a.test"});
  auto authorization = authorization_json("pending", "a.test");
  authorization["challenges"].push_back({{"type", "dns-persist-01"}, {"accounturi", 7}, {"status", "odd"}});
  authorization["challenges"].push_back({{"type", "dns-account-01"}, {"url", "ftp://x"}, {"token", "a/b"}});
  for (auto& answer : ca.answers[authz("a.test")]) {
    const auto status = Json::parse(answer.body)["status"];
    authorization["status"] = status;
    authorization["challenges"][1]["status"] = status;
    answer.body = authorization.dump();
  }
  auto flow = flow_for({"a.test"});
  ended<OrderReady>(ca.run(flow));
  flow.validate(ca.now);
  ended<Validated>(ca.run(flow));
}
