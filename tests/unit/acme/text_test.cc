// SPDX-License-Identifier: MIT
// The small things that stand between what a CA sends and the rest: text, JSON, URLs, problems, armour.
#include <doctest/doctest.h>

#include "worker/acme/chain_text.h"
#include "worker/acme/directory.h"
#include "worker/acme/http_message.h"
#include "worker/acme/identifier.h"
#include "worker/acme/json.h"
#include "worker/acme/link.h"
#include "worker/acme/printable.h"
#include "worker/acme/problem.h"
#include "worker/acme/renewal_info.h"
#include "worker/acme/url.h"

using namespace certlatch;
using std::chrono::seconds;

TEST_CASE("what a CA sent cannot play with the terminal") {
  CHECK(printable("plain text, ünïcödé", 100) == "plain text, ünïcödé");
  CHECK(printable("\x1b[31mred\x07", 100) == "?[31mred?");
  CHECK(printable("two\r\n  lines\tand\n", 100) == "two lines and");
  CHECK(printable("right\u202eto left\u200b", 100) == "right?to left?");
  CHECK(printable("\x9b"
                  "1m \xc2\x9b \xff \xc0\xaf \xed\xa0\x80 \xf5\x80\x80\x80",
                  100) == "?1m ? ? ?? ??? ????");
  CHECK(printable(std::string("nul\0byte", 8), 100) == "nul?byte");
  CHECK(printable("", 10).empty());
  CHECK(printable("cut in \xc3", 100) == "cut in ?");
}

TEST_CASE("printable text is never longer than asked for, and cut between characters") {
  for (std::size_t most = 3; most < 30; ++most) {
    const auto text = printable("äöü äöü äöü äöü äöü", most);
    CHECK(text.size() <= most);
    CHECK(printable(text, 100) == text);  // still UTF-8
  }
  CHECK(printable("0123456789", 10) == "0123456789");
  CHECK(printable("01234567890", 10) == "0123456...");
}

TEST_CASE("JSON is bounded in depth before it is built") {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  CHECK(parse_object(nested(kMaxJsonDepth), "x"));
  CHECK_FALSE(parse_object(nested(kMaxJsonDepth + 1), "x"));
  CHECK_FALSE(parse_object(std::string(250'000, '['), "x"));
  CHECK_FALSE(parse_object("{\"a\":" + std::string(250'000, '['), "x"));
  // Brackets in a string are no depth; an escaped quote does not end one.
  CHECK(parse_object("{\"a\":\"" + std::string(100, '[') + "\\\"" + std::string(100, '{') + "\"}", "x"));
}

TEST_CASE("what is not JSON is told with its beginning") {
  const auto sentence = [](std::string_view body) { return parse_object(body, "newOrder").error().message; };
  CHECK(sentence("<html>\n<body>Bad Gateway") ==
        "the CA's answer to newOrder is not JSON (it begins: <html> <body>Bad Gateway)");
  CHECK(sentence("") == "the CA's answer to newOrder is empty");
  CHECK(sentence("[1]") == "the CA's answer to newOrder is not an object (it begins: [1])");
  CHECK(sentence("{\"a\":\"\xff\"}").contains("is not JSON"));
  CHECK(sentence("{} {}").contains("is not JSON"));
  CHECK(sentence(std::string(1000, 'x')).size() < 200);
}

TEST_CASE("members have the types that are expected") {
  const auto json = parse_object(R"({"text":"t","number":1,"null":null,"empty":"","list":[1,2,3]})", "x");
  REQUIRE(json);
  CHECK(*text_in(*json, "text", "x") == "t");
  CHECK_FALSE(text_in(*json, "number", "x"));
  CHECK_FALSE(text_in(*json, "empty", "x"));
  CHECK_FALSE(text_in(*json, "null", "x"));
  CHECK_FALSE(text_in(*json, "missing", "x"));
  CHECK(optional_text_in(*json, "missing", "x")->empty());
  CHECK(optional_text_in(*json, "null", "x")->empty());
  CHECK_FALSE(optional_text_in(*json, "number", "x"));
  CHECK((*list_in(*json, "list", 3, "x"))->size() == 3);
  CHECK_FALSE(list_in(*json, "list", 2, "x"));
  CHECK_FALSE(list_in(*json, "text", 2, "x"));
  CHECK_FALSE(list_in(*json, "missing", 2, "x"));
}

TEST_CASE("a problem is shown whole, but bounded and printable") {
  Json json{{"type", "urn:ietf:params:acme:error:malformed"},
            {"detail", "bad\x1b[1m" + std::string(5000, 'x')}};
  for (int i = 0; i < 100; ++i)
    json["subproblems"].push_back({{"type", "t"},
                                   {"detail", std::string(5000, 'y')},
                                   {"identifier", {{"type", "dns"}, {"value", "a.test"}}}});
  json["subproblems"].push_back("odd");
  const auto problem = problem_in(json);
  CHECK(problem.is("malformed"));
  CHECK_FALSE(problem.is("badNonce"));
  CHECK(problem.detail.starts_with("bad?[1mxxx"));
  CHECK(problem.detail.size() <= kMaxProblemTextBytes);
  CHECK(problem.subproblems.size() == kMaxSubProblems);
  CHECK(problem.subproblems[0].name == "a.test");
  CHECK(problem.subproblems[0].detail.size() <= kMaxProblemTextBytes);
}

TEST_CASE("a problem of odd types is no problem to read") {
  for (const auto* text : {"[]", "1", "null", R"({"type":1,"detail":{}})", R"({"subproblems":{}})",
                           R"({"subproblems":[1,null,{"identifier":1}]})"}) {
    const auto problem = problem_in(Json::parse(text));
    CHECK(problem.type.empty());
    CHECK(problem.detail.empty());
  }
}

TEST_CASE("a failure says whether the CA refuses, is at fault, redirects, or says nothing") {
  const auto failure = [](long status, std::string body) {
    HttpResponse response;
    response.status = status;
    response.body = std::move(body);
    response.location = "https://elsewhere.test/\x1b";
    return failure_of("finalize", response);
  };
  CHECK(failure(403, R"({"type":"urn:ietf:params:acme:error:badCSR","detail":"d"})").sentence ==
        "finalize: the CA refuses the request (status 403)");
  CHECK(failure(403, R"({"type":"urn:ietf:params:acme:error:badCSR"})").order_is_lost);
  CHECK_FALSE(failure(429, R"({"type":"urn:ietf:params:acme:error:rateLimited"})").order_is_lost);
  CHECK(failure(500, R"({"type":"urn:ietf:params:acme:error:serverInternal"})").sentence ==
        "finalize: the CA has a fault of its own (status 500)");
  CHECK_FALSE(failure(502, "<html>").order_is_lost);
  CHECK(failure(502, "<html>").sentence ==
        "finalize: the CA answers with status 502 and no explanation (the answer begins: <html>)");
  CHECK(failure(302, "").sentence ==
        "finalize: the CA redirects (status 302) to \"https://elsewhere.test/?\"; ACME has no redirects, and "
        "none is "
        "followed");
}

TEST_CASE("a failure says what a person is to do, where the CA says it") {
  HttpResponse response;
  response.status = 403;
  response.url = "https://ca.test/new-order";
  response.links = {"</terms/2>;rel=\"terms-of-service\"", "<https://ca.test/dir>;rel=\"index\""};
  response.body =
      R"({"type":"urn:ietf:params:acme:error:userActionRequired","detail":"d","instance":"https://ca.test/agree/\u001b7"})";
  CHECK(
      failure_of("newOrder", response).sentence ==
      "newOrder: the CA refuses the request (status 403); it wants something to be done first; its terms of "
      "service have changed: read https://ca.test/terms/2; visit https://ca.test/agree/?7 and do what it "
      "says there; the next run after that goes on");
  response.links.clear();
  response.body = R"({"type":"urn:ietf:params:acme:error:userActionRequired","instance":7})";
  CHECK(failure_of("newOrder", response).sentence.ends_with("done first; the next run after that goes on"));
  response.body =
      R"({"type":"urn:ietf:params:acme:error:badSignatureAlgorithm","algorithms":["RS256",1,"ES256"]})";
  CHECK(
      failure_of("newAccount", response).sentence.contains("it takes RS256, ES256 and not the kind of key"));
}

TEST_CASE("only plain https URLs of the CA's origin are accepted") {
  CHECK(check_url("https://ca.test/a?b=c", "it"));
  CHECK(check_url("https://ca.test:14000/a", "it"));
  CHECK(check_url("https://[2001:db8::1]:14000/a", "it"));
  for (const auto* bad :
       {"", "http://ca.test/a", "HTTPS://ca.test/", "https://", "https:///a", "https://user@ca.test/a",
        "https://ca.test/a b", "https://ca.test/\n", "https://ca.test\\@evil.test/", "file:///etc/passwd",
        "https://ca.test?x", "https://ca.test:99999/", "https://ca.t\xc3\xa4st/"}) {
    CAPTURE(bad);
    CHECK_FALSE(check_url(bad, "it"));
  }
  CHECK(check_url("https://ca.test/" + std::string(kMaxUrlBytes - 16, 'a'), "it"));
  CHECK_FALSE(check_url("https://ca.test/" + std::string(kMaxUrlBytes - 15, 'a'), "it"));
  CHECK(origin_of("https://ca.test:14000/dir/x") == "https://ca.test:14000");
  CHECK(origin_of("https://ca.test") == "https://ca.test");
  CHECK(check_url("https://ca.test/a", "it", "https://ca.test"));
  CHECK_FALSE(check_url("https://ca.test.evil.test/a", "it", "https://ca.test"));
  CHECK(check_url("https://cb.test/a", "the CA's order URL", "https://ca.test").error().message ==
        "the CA's order URL is https://cb.test/a, which is not of https://ca.test, the origin of the CA's "
        "directory: "
        "nothing is signed for it");
}

TEST_CASE("the ports that may be connected to are those of the configuration") {
  CHECK(port_of_url("https://ca.test/dir") == 443);
  CHECK(port_of_url("https://ca.test:14000/dir") == 14000);
  CHECK(port_of_proxy("http://proxy.test:3128") == 3128);
  CHECK(port_of_proxy("proxy.test:8080") == 8080);
  CHECK(port_of_proxy("socks5h://proxy.test") == 1080);
  CHECK(port_of_proxy("proxy.test") == 1080);
  CHECK(port_of_proxy("https://proxy.test") == 443);
}

TEST_CASE("Retry-After is seconds or a date, and never negative") {
  const auto now = std::chrono::system_clock::from_time_t(1'700'000'000);  // Tue, 14 Nov 2023 22:13:20 GMT
  CHECK(parse_retry_after("120", now) == seconds(120));
  CHECK(parse_retry_after("0", now) == seconds(0));
  CHECK(parse_retry_after("-5", now) == seconds(0));
  CHECK(parse_retry_after("Tue, 14 Nov 2023 22:15:20 GMT", now) == seconds(120));
  CHECK(parse_retry_after("Tue, 14 Nov 2023 22:00:00 GMT", now) == seconds(0));
  CHECK_FALSE(parse_retry_after("soon", now));
  CHECK_FALSE(parse_retry_after("", now));
  CHECK(parse_retry_after("99999999999", now)->count() < 400'000'000);
  CHECK_FALSE(parse_retry_after("99999999999999999999999", now).value_or(seconds(0)) > seconds(400'000'000));
}

TEST_CASE("two spellings of one name are one name") {
  CHECK(canonical_name("WWW.Example.ORG") == "www.example.org");
  CHECK(canonical_name("2001:DB8:0:0::1") == "2001:db8::1");
  CHECK(canonical_name("192.0.2.1") == "192.0.2.1");
  CHECK(identifier_type("192.0.2.1") == "ip");
  CHECK(identifier_type("::1") == "ip");
  CHECK(identifier_type("*.example.org") == "dns");
  CHECK(identifier_type("192.0.2") == "dns");
}

TEST_CASE("a chain is certificates in armour and nothing else") {
  const std::string one = "-----BEGIN CERTIFICATE-----\nAAAA\nBBB=\n-----END CERTIFICATE-----\n";
  CHECK(*chain_text(one) == one);
  CHECK(*chain_text("\n\r\n  \n" + one + "\n\n" + one) == one + one);
  CHECK(*chain_text("-----BEGIN CERTIFICATE-----\r\nAAAA\r\nBBB=\r\n-----END CERTIFICATE-----") == one);
  for (const std::string& bad :
       {std::string(), std::string("\n\n"), std::string("<html>"), "text\n" + one, one + "text",
        std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        one + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n"),
        std::string("-----BEGIN CERTIFICATE-----\nProc-Type: 4\n") + one,
        "-----BEGIN CERTIFICATE-----\n" + one, std::string("-----END CERTIFICATE-----\n"),
        std::string("-----BEGIN CERTIFICATE-----\nAA\0A\n-----END CERTIFICATE-----\n", 58)}) {
    CAPTURE(bad);
    CHECK_FALSE(chain_text(bad));
  }
  std::string longest;
  while (longest.size() + one.size() <= kMaxChainBytes) longest += one;
  CHECK(chain_text(longest));
  CHECK_FALSE(chain_text(longest + one));
}

TEST_CASE("links are found by their relation, however they are written") {
  const auto found = [](std::vector<std::string> headers) {
    return links_to("alternate", headers, "https://ca.test/certificate/1?a=b");
  };
  const std::vector<std::string> want{"https://a/"};
  CHECK(found({"<https://a/>;rel=\"alternate\""}) == want);
  CHECK(found({"<https://a/>; rel=alternate"}) == want);
  CHECK(found({"<https://x/>;rel=up, <https://a/>; title=\"a,b;c\"; rel=\"x alternate\""}) == want);
  CHECK(found({"<https://a/>;rel=\"alternate\"", "<https://b/>;rel=\"alternate\""}).size() == 2);
  for (const auto* odd :
       {"", "<", "<https://a/", "https://a/;rel=alternate", "<https://a/>", "<https://a/>;rel",
        "<https://a/>;rel=\"alternate", "<https://a/>;rel=alternates", ",,,", "<>;;;,"})
    CHECK(found({odd}).empty());
  CHECK(found({"<2>;rel=alternate, </c/3>;rel=alternate"}) ==
        std::vector<std::string>{"https://ca.test/certificate/2", "https://ca.test/c/3"});
}

TEST_CASE("a reference means what it means in the answer that has it") {
  const std::string base = "https://ca.test:14000/order/7?x=1";
  CHECK(resolved(base, "/order/8") == "https://ca.test:14000/order/8");
  CHECK(resolved(base, "8") == "https://ca.test:14000/order/8");
  CHECK(resolved(base, "../new/8?y=2") == "https://ca.test:14000/new/8?y=2");
  CHECK(resolved(base, "//other.test/8") == "https://other.test/8");
  // What is absolute stays as it was written; and what is no URL stays none.
  CHECK(resolved(base, "https://CA.test:443/%7e/../8") == "https://CA.test:443/%7e/../8");
  CHECK(resolved(base, "").empty());
  CHECK(resolved("", "/order/8") == "/order/8");
  CHECK_FALSE(check_url(resolved(base, "http://ca.test:14000/8"), "it"));
  CHECK_FALSE(check_url(resolved(base, "//user@ca.test:14000/8"), "it"));
}

TEST_CASE("times of RFC 3339 are understood, and nothing else") {
  CHECK(time_from("1970-01-01T00:00:00Z") == 0);
  CHECK(time_from("2026-11-21T08:00:00.123456789Z") == 1795248000);
  CHECK(time_from("2026-11-21t09:30:00+01:30") == 1795248000);
  CHECK(time_from("2026-11-21T04:00:00-04:00") == 1795248000);
  for (const auto* odd :
       {"", "2026-11-21", "2026-11-21T08:00:00", "2026-11-21 08:00:00Z", "2026-13-21T08:00:00Z",
        "2026-11-21T08:00:00.Z", "2026-11-21T08:00Z", "2026-11-21T08:00:00+01", "x026-11-21T08:00:00Z",
        "2026-11-21T08:00:00ZZ", "2026-11-21T25:00:00Z", "-026-11-21T08:00:00Z"})
    CHECK_FALSE(time_from(odd));
}

TEST_CASE("renewal information is a window, or a sentence") {
  const auto window = read_renewal_info(
      R"({"suggestedWindow":{"start":"2026-01-01T00:00:00Z","end":"2026-01-02T00:00:00Z"},"explanationURL":"https://x/"})");
  REQUIRE(window);
  CHECK(window->end - window->start == 86400);
  CHECK(window->explanation == "https://x/");
  const auto fails = [](std::string_view body) { return read_renewal_info(body).error().message; };
  CHECK(fails("{}").contains("has no \"start\""));
  CHECK(fails(R"({"suggestedWindow":7})").contains("something else than an object"));
  CHECK(fails(R"({"suggestedWindow":{"start":"soon","end":"later"}})").contains("that is no time: soon"));
  CHECK(fails(R"({"suggestedWindow":{"start":"2026-01-02T00:00:00Z","end":"2026-01-01T00:00:00Z"}})")
            .contains("ends before it begins"));
}

TEST_CASE("a directory may lack what only some runs need") {
  const std::string base = R"("newNonce":"https://a/n","newAccount":"https://a/a","newOrder":"https://a/o")";
  const auto plain = read_directory("{" + base + "}", "https://a");
  REQUIRE(plain);
  CHECK(plain->revoke_cert.empty());
  const auto full = read_directory(
      "{" + base + R"(,"renewalInfo":"https://a/r","keyChange":"https://b/k","x":1,)" +
          R"("meta":{"profiles":{"tls":"text","odd\n":7},"externalAccountRequired":true,"termsOfService":"https://t/"}})",
      "https://a");
  REQUIRE(full);
  CHECK(full->renewal_info == "https://a/r");
  CHECK(full->key_change.empty());  // of another origin
  CHECK(full->wants_eab);
  CHECK(full->terms == "https://t/");
  CHECK(full->profiles == std::vector<std::string>{"odd", "tls"});
  CHECK_FALSE(read_directory("{}", "https://a"));
}
