// SPDX-License-Identifier: MIT
// An order's end when the CA says no, or says what it must not.
#include <doctest/doctest.h>

#include "tests/unit/acme/canned_ca.h"
#include "worker/acme/order_flow.h"

using namespace certlatch;

namespace {

/// Placing an order fails; with this sentence in it.
void placing_fails(CannedCa ca, const std::string& sentence) {
  auto flow = flow_for({"a.test"});
  const auto failed = failure(ca, flow);
  INFO(failed.sentence);
  CHECK(failed.sentence.contains(sentence));
}

}  // namespace

TEST_CASE("a failed validation names the identifier and carries the CA's whole problem") {
  auto ca = good_ca({"a.test"});
  auto invalid = authorization_json("invalid", "a.test");
  invalid["challenges"][1]["error"] = {{"type", "urn:ietf:params:acme:error:unauthorized"},
                                       {"detail", "The key authorization was wrong"},
                                       {"subproblems",
                                        {{{"type", "urn:ietf:params:acme:error:dns"},
                                          {"detail", "timed out"},
                                          {"identifier", {{"type", "dns"}, {"value", "a.test"}}}}}}};
  ca.answers[authz("a.test")].back().body = invalid.dump();
  auto flow = flow_for({"a.test"});
  ended<OrderReady>(ca.run(flow));
  flow.validate(ca.now);
  const auto failed = failure(ca, flow);
  CHECK(failed.sentence == "the CA could not validate a.test");
  CHECK(failed.type == "urn:ietf:params:acme:error:unauthorized");
  CHECK(failed.detail == "The key authorization was wrong");
  REQUIRE(failed.subproblems.size() == 1);
  CHECK(failed.subproblems[0].name == "a.test");
  CHECK(failed.subproblems[0].type == "urn:ietf:params:acme:error:dns");
  CHECK(failed.subproblems[0].detail == "timed out");
  CHECK(failed.order_is_lost);
}

TEST_CASE("when several names fail, each is told") {
  auto ca = good_ca({"a.test", "b.test", "c.test"});
  for (const auto* name : {"a.test", "c.test"}) {
    auto invalid = authorization_json("invalid", name);
    invalid["challenges"][1]["error"] = {{"type", "urn:ietf:params:acme:error:connection"},
                                         {"detail", std::string("refused by ") + name}};
    ca.answers[authz(name)].back().body = invalid.dump();
  }
  auto flow = flow_for({"a.test", "b.test", "c.test"});
  ended<OrderReady>(ca.run(flow));
  flow.validate(ca.now);
  const auto failed = failure(ca, flow);
  CHECK(failed.sentence == "the CA could not validate 2 names: a.test, c.test");
  REQUIRE(failed.subproblems.size() == 2);
  CHECK(failed.subproblems[1].name == "c.test");
  CHECK(failed.subproblems[1].detail == "refused by c.test");
}

TEST_CASE("authorizations that are deactivated, expired or revoked end the order") {
  for (const auto* status : {"invalid", "deactivated", "expired", "revoked"}) {
    for (const bool is_early : {true, false}) {
      auto ca = good_ca({"a.test"});
      auto& answers = ca.answers[authz("a.test")];
      (is_early ? answers.front() : answers.back()).body = authorization_json(status, "a.test").dump();
      auto flow = flow_for({"a.test"});
      if (!is_early) {
        ended<OrderReady>(ca.run(flow));
        flow.validate(ca.now);
      }
      const auto failed = failure(ca, flow);
      CHECK(failed.sentence.contains("a.test"));
      if (status != std::string("invalid")) CHECK(failed.sentence.ends_with(status));
    }
  }
}

TEST_CASE("when the CA refuses the challenge, the authorization has the last word") {
  auto ca = good_ca({"a.test"});
  ca.answers[challenge("a.test")].front() = CannedCa::response(
      400, R"({"type":"urn:ietf:params:acme:error:malformed","detail":"authorization is finalized"})");
  auto& answers = ca.answers[authz("a.test")];
  answers.erase(answers.begin() + 1);
  SUBCASE("valid") {
    auto flow = flow_for({"a.test"});
    ended<OrderReady>(ca.run(flow));
    flow.validate(ca.now);
    ended<Validated>(ca.run(flow));
  }
  SUBCASE("still pending") {
    answers.back().body = authorization_json("pending", "a.test").dump();
    auto flow = flow_for({"a.test"});
    ended<OrderReady>(ca.run(flow));
    flow.validate(ca.now);
    const auto failed = failure(ca, flow);
    CHECK(failed.sentence == "the challenge for a.test: the CA refuses the request (status 400)");
    CHECK(failed.detail == "authorization is finalized");
  }
}

TEST_CASE("an answer that is not what RFC 8555 says ends the order with a sentence") {
  const auto with_order = [](auto&& change) {
    auto ca = good_ca({"a.test"});
    auto order = order_json("pending", {"a.test"});
    change(order);
    ca.answers[kNewOrder].front().body = order.dump();
    return ca;
  };
  const auto with_body = [](std::string body) {
    auto ca = good_ca({"a.test"});
    ca.answers[kNewOrder].front().body = std::move(body);
    return ca;
  };
  placing_fails(with_body("<html><body>502"),
                "the CA's answer to newOrder is not JSON (it begins: <html><body>502)");
  placing_fails(with_body(""), "the CA's answer to newOrder is empty");
  placing_fails(with_body("[]"), "is not an object");
  placing_fails(with_body("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}"),
                "is nested too deeply");
  placing_fails(with_order([](Json& o) { o.erase("status"); }), "has no \"status\"");
  placing_fails(with_order([](Json& o) { o["status"] = 1; }), "has a \"status\" that is no text");
  placing_fails(with_order([](Json& o) { o["status"] = "odd\x1b"; }), "has an unknown status: odd?");
  placing_fails(with_order([](Json& o) { o.erase("authorizations"); }), "has no \"authorizations\"");
  placing_fails(with_order([](Json& o) { o["authorizations"] = "x"; }),
                "has a \"authorizations\" that is no list");
  placing_fails(with_order([](Json& o) { o["authorizations"] = {1}; }),
                "the CA's authorization URL is not an https URL");
  placing_fails(with_order([](Json& o) { o["authorizations"] = {"http://ca.test/a"}; }),
                "is not an https URL");
  placing_fails(with_order([](Json& o) { o["authorizations"] = {"https://cb.test/a"}; }),
                "is not of https://ca.test");
  placing_fails(
      with_order([](Json& o) { o["authorizations"] = std::vector<std::string>(101, "https://ca.test/a"); }),
      "has more than 100 \"authorizations\"");
  placing_fails(with_order([](Json& o) { o.erase("finalize"); }), "has no \"finalize\"");
  placing_fails(with_order([](Json& o) { o["finalize"] = "https://cb.test/f"; }), "the CA's finalize URL");
  placing_fails(with_order([](Json& o) { o.erase("identifiers"); }), "has no \"identifiers\"");
  placing_fails(with_order([](Json& o) { o["identifiers"] = {"a.test"}; }), "something else than an object");
  placing_fails(with_order([](Json& o) { o["identifiers"][0]["value"] = "b.test"; }),
                "other names than were asked for: b.test");
  placing_fails(with_order([](Json& o) { o["identifiers"][0]["value"] = "a b"; }),
                "an identifier that is no name");
  placing_fails(with_order([](Json& o) { o["status"] = "invalid"; }), "invalid from the start");
  placing_fails(with_order([](Json& o) { o["status"] = "valid"; }), "has no \"certificate\"");
  auto ca = good_ca({"a.test"});
  ca.answers[kNewOrder].front().location = "";
  placing_fails(ca, "the CA's order URL is not an https URL");
  ca.answers[kNewOrder].front().location = "https://cb.test/order";
  placing_fails(ca, "the CA's order URL is https://cb.test/order, which is not of https://ca.test");
  ca.answers[kNewOrder].front() = CannedCa::response(307, "", "https://cb.test/");
  placing_fails(ca, "newOrder: the CA redirects (status 307) to \"https://cb.test/\"");
}

TEST_CASE("an authorization that is not what RFC 8555 says ends the order with a sentence") {
  const auto with = [](auto&& change) {
    auto ca = good_ca({"a.test"});
    auto authorization = authorization_json("pending", "a.test");
    change(authorization);
    ca.answers[authz("a.test")].front().body = authorization.dump();
    return ca;
  };
  placing_fails(with([](Json& a) { a.erase("identifier"); }), "has no \"value\"");
  placing_fails(with([](Json& a) { a["identifier"]["value"] = "b.test"; }),
                "wants an authorization for b.test, which the order does not name");
  placing_fails(with([](Json& a) { a["wildcard"] = true; }), "*.a.test, which the order does not name");
  placing_fails(with([](Json& a) { a["status"] = "ready"; }), "has an unknown status: ready");
  placing_fails(with([](Json& a) { a.erase("challenges"); }), "has no \"challenges\"");
  placing_fails(with([](Json& a) { a["challenges"] = Json::array(); }),
                "no http-01 challenge for a.test (it offers none)");
  placing_fails(with([](Json& a) { a["challenges"].erase(1); }),
                "no http-01 challenge for a.test (it offers dns-01)");
  placing_fails(with([](Json& a) { a["challenges"] = {1}; }), "something else than an object");
  placing_fails(with([](Json& a) { a["challenges"][1]["url"] = "https://cb.test/"; }),
                "the CA's challenge URL");
  placing_fails(with([](Json& a) { a["challenges"][1]["status"] = "odd"; }), "has an unknown status");
  placing_fails(with([](Json& a) { a["challenges"] = std::vector<Json>(33, a["challenges"][1]); }),
                "has more than 32");
  for (const std::string& token :
       {std::string(129, 'a'), std::string("a/../b"), std::string("a b"), std::string("a=")})
    placing_fails(with([&](Json& a) { a["challenges"][1]["token"] = token; }),
                  "whose token is not base64url");
  placing_fails(with([](Json& a) { a["challenges"][1]["token"] = ""; }), "has no \"token\"");
  auto ca = good_ca({"a.test"});
  ca.answers[authz("a.test")].front().status = 404;
  placing_fails(ca, "the authorization for a.test: the CA");
}

TEST_CASE("an authorization cannot become another's while it is watched") {
  auto ca = good_ca({"a.test", "b.test"});
  ca.answers[authz("a.test")].back().body = authorization_json("valid", "b.test").dump();
  auto flow = flow_for({"a.test", "b.test"});
  ended<OrderReady>(ca.run(flow));
  flow.validate(ca.now);
  CHECK(failure(ca, flow).sentence == "the CA's authorization for a.test has become one for b.test");
}

TEST_CASE("finalize ends with what the CA says against it") {
  auto ca = good_ca({"a.test"});
  std::string sentence, detail;
  SUBCASE("the CSR is refused") {
    ca.answers[kFinalize].front() =
        CannedCa::response(400, R"({"type":"urn:ietf:params:acme:error:badCSR","detail":"weak key"})");
    sentence = "finalize: the CA refuses the request (status 400)";
    detail = "weak key";
  }
  SUBCASE("the order becomes invalid") {
    auto invalid = order_json("invalid", {"a.test"});
    invalid["error"] = {{"type", "urn:ietf:params:acme:error:caa"}, {"detail", "CAA forbids it"}};
    ca.answers[kOrder].back().body = invalid.dump();
    sentence = "the CA has given the order up";
    detail = "CAA forbids it";
  }
  SUBCASE("the certificate is not one") {
    ca.answers[kCertificate].front().body = "<html>";
    sentence = "the CA's certificate chain has something else between its certificates: <html>";
  }
  SUBCASE("the certificate is armour around nothing") {
    ca.answers[kCertificate].front().body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    sentence = "the CA's chain does not begin with a certificate";
  }
  SUBCASE("the certificate is for other names") {
    ca.answers[kCertificate].front().body = certificate_pem({"b.test"});
    sentence = "the CA's certificate is not for a.test, which was asked for";
  }
  SUBCASE("the chain does not link") {
    auto& body = ca.answers[kCertificate].front().body;
    const auto other = certificate_pem({"a.test"});
    body = body.substr(0, body.find("-----BEGIN", 10)) + other.substr(other.find("-----BEGIN", 10));
    sentence = "the CA's chain does not link: its certificate 1 is not issued by the next one";
  }
  SUBCASE("the certificate is for another key") {
    auto& body = ca.answers[kCertificate].front().body;
    body = body.substr(body.find("-----BEGIN", 10));
    sentence = "the CA's certificate is for another key than was asked for";
  }
  SUBCASE("the certificate is not found") {
    ca.answers[kCertificate].front().status = 404;
    sentence = "the certificate: the CA answers with status 404";
  }
  auto flow = flow_for({"a.test"});
  ended<OrderReady>(ca.run(flow));
  flow.validate(ca.now);
  ended<Validated>(ca.run(flow));
  flow.finalize(canned_csr(), ca.now);
  const auto failed = failure(ca, flow);
  INFO(failed.sentence);
  CHECK(failed.sentence.starts_with(sentence));
  CHECK(failed.detail == detail);
}

TEST_CASE("an order that is asked for something out of turn ends") {
  auto ca = good_ca({"a.test"});
  auto early = flow_for({"a.test"});
  early.validate(ca.now);
  ended<OrderFailed>(ca.run(early));
  auto flow = flow_for({"a.test"});
  ended<OrderReady>(ca.run(flow));
  flow.validate(ca.now);
  flow.finalize(canned_csr(), ca.now);
  ended<OrderFailed>(ca.run(flow));
}

TEST_CASE("a request that never got an answer ends the order with its reason") {
  auto flow = flow_for({"a.test"});
  const auto wanted = flow.wanted(Deadline{});
  OrderFailed reason;
  reason.sentence = "newOrder: the CA at https://ca.test cannot be reached";
  reason.order_is_lost = false;
  flow.answer(wanted[0].ticket, std::unexpected(reason), Deadline{});
  const auto failed = ended<OrderFailed>(*flow.take_event());
  CHECK(failed.id == 5);
  CHECK(failed.sentence == reason.sentence);
  CHECK_FALSE(failed.order_is_lost);
}
