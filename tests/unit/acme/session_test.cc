// SPDX-License-Identifier: MIT
// A CA that is slow, busy, broken, or no CA: both roles run confined against a server that says what it is
// told.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "tests/unit/acme/scripted_ca.h"
#include "tests/unit/acme/worker_double.h"

using namespace certlatch;
using namespace std::chrono_literals;
using Answer = ScriptedCa::Answer;
using Request = ScriptedCa::Request;

namespace {

const Answer kAsAGoodCa{.status = 0};

Answer good_order() {
  return {201,
          fmt::format(
              R"({{"status":"ready","identifiers":[{{"type":"dns","value":"a.test"}}],"authorizations":[],)"
              R"("finalize":"{}"}})",
              ScriptedCa::url("/finalize")),
          {{"Location", ScriptedCa::url("/order/1")}, {"Replay-Nonce", "fresh"}}};
}

Answer problem(unsigned status, const std::string& type,
               std::vector<std::pair<std::string, std::string>> headers = {}) {
  return {status, R"({"type":"urn:ietf:params:acme:error:)" + type + R"(","detail":"because"})",
          std::move(headers)};
}

/// The server, the two roles, and one order for a.test.
struct Scene {
  ScriptedCa ca;
  TempDirectory temp;
  CaSettings settings;
  std::optional<WorkerDouble> worker;
  std::chrono::steady_clock::duration took{};

  Scene() {
    settings.name = "scripted";
    settings.directory = ScriptedCa::url("/dir");
    settings.roots = ca.roots();
    settings.agree = true;
  }
  AcmeAnswer place(ScriptedCa::Script script) {
    worker.emplace(temp.path(), std::vector{settings});  // before the server has threads
    ca.start(std::move(script));
    return place_again(1);
  }
  AcmeAnswer place_again(std::uint32_t id) {
    const auto began = std::chrono::steady_clock::now();
    worker->tell_acme(PlaceOrder{id, "scripted", {"a.test"}, ""});
    auto answer = worker->hear_acme();
    took = std::chrono::steady_clock::now() - began;
    return answer;
  }
  /// The script is asked about newOrder only.
  AcmeAnswer place_with(std::function<Answer(int time)> order) {
    return place([order = std::move(order)](const Request& request, int time) {
      return request.path == "/order" ? order(time) : kAsAGoodCa;
    });
  }
  AcmeAnswer place_with_directory(std::string body) {
    return place([body = std::move(body)](const Request& request, int) {
      return request.path == "/dir" ? Answer{200, body, {}} : kAsAGoodCa;
    });
  }
};

bool is_ready(const AcmeAnswer& answer) {
  if (const auto* failed = std::get_if<OrderFailed>(&answer)) MESSAGE(failed->sentence);
  return std::holds_alternative<OrderReady>(answer);
}

OrderFailed failed(AcmeAnswer answer) {
  REQUIRE(std::holds_alternative<OrderFailed>(answer));
  return std::get<OrderFailed>(std::move(answer));
}

}  // namespace

TEST_CASE("requests look as RFC 8555 wants them") {
  Scene scene;
  scene.settings.contact = {"admin@example.org"};
  CHECK(is_ready(scene.place_with([](int) { return good_order(); })));
  for (const auto& request : scene.ca.requests()) {
    CHECK(request.headers.at("user-agent") == "certlatch/test");
    CHECK(request.headers.contains("accept-language"));
    if (request.method == "POST") CHECK(request.headers.at("content-type") == "application/jose+json");
    CHECK_FALSE(request.headers.contains("expect"));
  }
  REQUIRE(scene.worker->accounts.size() == 1);
  CHECK(scene.worker->accounts[0].account_url == ScriptedCa::url("/account/1"));
}

TEST_CASE("a busy CA is waited for") {
  for (const unsigned status : {429U, 503U}) {
    Scene scene;
    CHECK(is_ready(scene.place_with([&](int time) {
      return time == 1 ? problem(status, "rateLimited", {{"Retry-After", "1"}}) : good_order();
    })));
    CHECK(scene.took >= 1s);
    CHECK(scene.took < 5s);
  }
}

TEST_CASE("a date to wait for is one of the CA's clock, wherever that is") {
  for (const auto* date : {"Fri, 01 Jan 1999 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"}) {
    Scene scene;
    const std::string later = std::string(date).replace(23, 2, "01");
    CHECK(is_ready(scene.place_with([&](int time) {
      return time == 1 ? problem(503, "serverInternal", {{"Date", date}, {"Retry-After", later}})
                       : good_order();
    })));
    CHECK(scene.took >= 1s);
    CHECK(scene.took < 5s);
  }
}

TEST_CASE("a CA that wants to be left alone for long is, and the sentence says until when") {
  Scene scene;
  const auto failure = failed(scene.place_with([](int) {
    return problem(429, "rateLimited", {{"Retry-After", "7200"}});
  }));
  CHECK(failure.sentence.starts_with("newOrder: the CA asks to wait until 20"));
  CHECK(failure.sentence.ends_with(" UTC"));
  CHECK(failure.type == "urn:ietf:params:acme:error:rateLimited");
  CHECK(failure.detail == "because");
  CHECK_FALSE(failure.order_is_lost);
  CHECK(scene.took < 5s);
}

TEST_CASE("a rate limit without a time is told at once") {
  Scene scene;
  const auto failure = failed(scene.place_with([](int) { return problem(429, "rateLimited"); }));
  CHECK(failure.sentence == "newOrder: the CA refuses the request (status 429)");
  CHECK_FALSE(failure.order_is_lost);
}

TEST_CASE("a fault of the CA's is tried again a few times") {
  SUBCASE("and passes") {
    Scene scene;
    CHECK(is_ready(scene.place_with(
        [](int time) { return time <= 2 ? problem(500, "serverInternal") : good_order(); })));
  }
  SUBCASE("or is told") {
    Scene scene;
    const auto failure = failed(scene.place_with([](int) { return Answer{502, "<html>Bad Gateway", {}}; }));
    CHECK(
        failure.sentence ==
        "newOrder: the CA answers with status 502 and no explanation (the answer begins: <html>Bad Gateway)");
    CHECK_FALSE(failure.order_is_lost);
    CHECK(std::ranges::count(scene.ca.requests(), "/order", &Request::path) == 5);
  }
}

TEST_CASE("a connection that breaks off is tried again a few times") {
  SUBCASE("and passes") {
    Scene scene;
    CHECK(is_ready(
        scene.place_with([](int time) { return time <= 2 ? Answer{.breaks_off = true} : good_order(); })));
  }
  SUBCASE("or is told") {
    Scene scene;
    const auto failure = failed(scene.place_with([](int) { return Answer{.breaks_off = true}; }));
    CHECK(failure.sentence.starts_with("newOrder: the connection to https://127.0.0.1:14001 broke off: "));
    CHECK_FALSE(failure.order_is_lost);
  }
}

TEST_CASE("a nonce that the CA no longer likes is replaced") {
  Scene scene;
  CHECK(is_ready(
      scene.place_with([](int time) { return time <= 30 ? problem(400, "badNonce") : good_order(); })));
}

TEST_CASE("a CA that likes no nonce at all is not asked for ever") {
  Scene scene;
  const auto failure = failed(scene.place_with([](int) { return problem(400, "badNonce"); }));
  CHECK(failure.type == "urn:ietf:params:acme:error:badNonce");
  CHECK(std::ranges::count(scene.ca.requests(), "/order", &Request::path) == 101);
}

TEST_CASE("a nonce that is no base64url is not used") {
  Scene scene;
  const auto failure = failed(scene.place([](const Request& request, int) {
    if (request.path == "/nonce") return Answer{200, "", {{"Replay-Nonce", "a\",\"b\":\"c"}}};
    if (request.path == "/dir") {
      auto answer = Answer{
          200,
          fmt::format(R"({{"newNonce":"{0}/nonce","newAccount":"{0}/account","newOrder":"{0}/order"}})",
                      ScriptedCa::url("")),
          {}};
      return answer;
    }
    return kAsAGoodCa;
  }));
  CHECK(failure.sentence == "newAccount: the CA's answer to newNonce has no usable Replay-Nonce");
}

TEST_CASE("a redirect is not followed") {
  Scene scene;
  const auto failure = failed(scene.place_with([](int) {
    return Answer{302, "", {{"Location", ScriptedCa::url("/elsewhere")}, {"Replay-Nonce", "x"}}};
  }));
  CHECK(failure.sentence.starts_with(
      "newOrder: the CA redirects (status 302) to \"https://127.0.0.1:14001/elsewhere\""));
  CHECK(std::ranges::count(scene.ca.requests(), "/elsewhere", &Request::path) == 0);
}

TEST_CASE("an answer of more than 256 KiB is refused while it comes") {
  Scene scene;
  const auto failure = failed(scene.place_with([](int) {
    return Answer{200, std::string(300'000, 'x'), {}};
  }));
  CHECK(failure.sentence == "newOrder: the answer of https://127.0.0.1:14001/order is longer than 256 KiB");
}

TEST_CASE("headers without end are refused") {
  Scene scene;
  const auto failure = failed(scene.place_with([](int) {
    Answer answer = good_order();
    for (int i = 0; i < 40; ++i) answer.headers.emplace_back(fmt::format("X-{}", i), std::string(1000, 'x'));
    return answer;
  }));
  CHECK(failure.sentence == "newOrder: the headers of https://127.0.0.1:14001/order are longer than 32 KiB");
}

TEST_CASE("a directory that is none is told as what it is") {
  const std::string base = ScriptedCa::url("");
  const auto directory = [&](const std::string& order, const std::string& meta) {
    return fmt::format(R"({{"newNonce":"{0}/nonce","newAccount":"{0}/account","newOrder":"{1}","meta":{2}}})",
                       base, order, meta);
  };
  const auto sentence = [&](std::string body) {
    Scene scene;
    return failed(scene.place_with_directory(std::move(body))).sentence;
  };
  CHECK(sentence("<html>") == "the CA's answer to the directory is not JSON (it begins: <html>)");
  CHECK(sentence("{}") == "the CA's answer to the directory has no \"newNonce\"");
  CHECK(sentence(directory("http://127.0.0.1:14001/order", "{}"))
            .starts_with("the CA's newOrder URL is not an https URL"));
  CHECK(sentence(directory("https://127.0.0.2:14001/order", "{}"))
            .starts_with("the CA's newOrder URL is https://127.0.0.2:14001/order, which is not of "
                         "https://127.0.0.1:14001"));
  CHECK(sentence(directory(base + "/order", R"({"externalAccountRequired":true})"))
            .contains("external account binding"));
  CHECK(sentence(directory(base + "/order", R"({"termsOfService":1})"))
            .starts_with("newOrder: "));  // not our concern
}

TEST_CASE("terms of service are agreed to by the admin, never by default") {
  Scene scene;
  scene.settings.agree = false;
  const auto failure = failed(scene.place_with_directory(
      fmt::format(R"({{"newNonce":"{0}/nonce","newAccount":"{0}/account","newOrder":"{0}/order",)"
                  R"("meta":{{"termsOfService":"https://ca.test/terms"}}}})",
                  ScriptedCa::url(""))));
  CHECK(failure.sentence ==
        "the CA wants its terms of service to be agreed to: read https://ca.test/terms and write agree = yes "
        "in section "
        "[ca scripted]");
  CHECK(std::ranges::count(scene.ca.requests(), "/account", &Request::path) == 0);
}

TEST_CASE("an account that is not valid is told") {
  Scene scene;
  const auto failure = failed(scene.place([](const Request& request, int) {
    return request.path == "/account"
               ? Answer{200, R"({"status":"deactivated"})", {{"Location", ScriptedCa::url("/account/1")}}}
               : kAsAGoodCa;
  }));
  CHECK(failure.sentence == "the account at the CA of section [ca scripted] is deactivated");
}

TEST_CASE("a CA that cannot be reached is told once, and then known for a while") {
  Scene scene;
  scene.worker.emplace(scene.temp.path(), std::vector{scene.settings});
  const auto failure = failed(scene.place_again(1));
  CHECK(failure.sentence.starts_with("the CA at https://127.0.0.1:14001 cannot be reached: "));
  const auto spoken = scene.worker->spoken.size();
  CHECK(failed(scene.place_again(2)).sentence == failure.sentence);
  CHECK(scene.worker->spoken.size() == spoken);
}

TEST_CASE("renewal information waits for no busy CA, though an order beside it does") {
  Scene scene;
  scene.worker.emplace(scene.temp.path(), std::vector{scene.settings});
  scene.ca.start([](const Request& request, int time) {
    if (request.path == "/order") return good_order();
    return request.path == "/dir" && time == 1 ? problem(503, "serverInternal", {{"Retry-After", "2"}})
                                               : kAsAGoodCa;
  });
  const auto began = std::chrono::steady_clock::now();
  scene.worker->tell_acme(AskRenewalInfo{1, "scripted", "aki.serial"});
  scene.worker->tell_acme(PlaceOrder{2, "scripted", {"a.test"}, ""});
  const auto info = scene.worker->hear<RenewalInfo>();
  CHECK(info.retry_after == 2);
  CHECK(info.sentence.starts_with("the directory: the CA asks to wait until 20"));
  CHECK(std::chrono::steady_clock::now() - began < 1500ms);
  CHECK(is_ready(scene.worker->hear_acme()));
}

TEST_CASE("a CA's HTTPS certificate whose dates are wrong makes one look at the clock") {
  Scene scene;
  std::string when = "is not valid yet";
  SUBCASE("too young") { scene.ca.set_dates("20400101000000Z", "20410101000000Z"); }
  SUBCASE("too old") {
    scene.ca.set_dates("20200101000000Z", "20210101000000Z");
    when = "has expired";
  }
  const auto sentence = failed(scene.place_with([](int) { return good_order(); })).sentence;
  CHECK(sentence.starts_with("the HTTPS certificate of https://127.0.0.1:14001, or one that it stands on, " +
                             when + " by this host's clock, which says 20"));
  CHECK(sentence.contains(": set the clock if that is wrong"));
}

TEST_CASE("while an account that was lost is found anew, nothing is signed in no account's name") {
  // `{"alg":"ES256","jwk` of a protected header: the signer names a key in place of an account.
  constexpr std::string_view kByKeyAlone = "eyJhbGciOiJFUzI1NiIsImp3";
  Scene scene;
  scene.settings.account_url = ScriptedCa::url("/account/9");
  scene.worker.emplace(scene.temp.path(), std::vector{scene.settings});
  std::atomic<int> by_key_alone = 0;
  scene.ca.start([&](const Request& request, int time) {
    if (request.path == "/account")
      return Answer{201,
                    R"({"status":"valid"})",
                    {{"Location", ScriptedCa::url("/account/1")}, {"Replay-Nonce", "fresh"}},
                    false,
                    500ms};
    if (request.path != "/order") return kAsAGoodCa;
    by_key_alone += request.body.contains(kByKeyAlone) ? 1 : 0;
    if (time == 1) return problem(400, "accountDoesNotExist", {{"Replay-Nonce", "fresh"}});
    auto answer = time == 2 ? problem(400, "badNonce", {{"Replay-Nonce", "fresh"}}) : good_order();
    if (time == 2) answer.delay = 200ms;
    return answer;
  });
  scene.worker->tell_acme(PlaceOrder{1, "scripted", {"a.test"}, ""});
  scene.worker->tell_acme(PlaceOrder{2, "scripted", {"a.test"}, ""});
  for (int i = 0; i < 2; ++i) CHECK(is_ready(scene.worker->hear_acme()));
  CHECK(by_key_alone == 0);
}

TEST_CASE("the environment names no proxy, the configuration does") {
  ::setenv("https_proxy", "http://127.0.0.1:9", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
  Scene scene;
  SUBCASE("environment") {
    CHECK(is_ready(scene.place_with([](int) { return good_order(); })));
  }
  SUBCASE("configuration") {
    scene.settings.proxy = "http://127.0.0.1:9";
    const auto failure = failed(scene.place_with([](int) { return good_order(); }));
    CHECK(failure.sentence.starts_with(
        "the CA at https://127.0.0.1:14001 cannot be reached through its proxy"));
  }
  ::unsetenv("https_proxy");
  ::unsetenv("ALL_PROXY");
}

TEST_CASE("no more requests are under way at once than are wanted") {
  Scene scene;
  scene.worker.emplace(scene.temp.path(), std::vector{scene.settings}, KeyType::ecdsa_p256, 3);
  scene.ca.start([](const Request& request, int) {
    if (request.path != "/order") return kAsAGoodCa;
    auto answer = good_order();
    answer.delay = 50ms;
    return answer;
  });
  for (std::uint32_t id = 1; id <= 12; ++id)
    scene.worker->tell_acme(PlaceOrder{id, "scripted", {"a.test"}, ""});
  for (int i = 0; i < 12; ++i) CHECK(is_ready(scene.worker->hear_acme()));
  CHECK(scene.ca.most_at_once() <= 3);
  CHECK(scene.ca.most_at_once() > 1);
}

TEST_CASE("an order at a CA that nobody named, or out of turn, is refused") {
  Scene scene;
  CHECK(is_ready(scene.place_with([](int) { return good_order(); })));
  scene.worker->tell_acme(PlaceOrder{9, "other", {"a.test"}, ""});
  CHECK(failed(scene.worker->hear_acme()).sentence == "no section [ca other] is known here");
  scene.worker->tell_acme(Validate{10});
  CHECK(failed(scene.worker->hear_acme()).id == 10);
  scene.worker->tell_acme(Finalize{11, "csr"});
  CHECK(failed(scene.worker->hear_acme()).id == 11);
  scene.worker->tell_acme(PlaceOrder{1, "scripted", {"a.test"}, ""});
  CHECK(failed(scene.worker->hear_acme()).sentence == "an order of that number is under way already");
}

TEST_CASE("acme leaves with the main process, even in the middle of a request") {
  Scene scene;
  scene.worker.emplace(scene.temp.path(), std::vector{scene.settings});
  scene.ca.start([](const Request&, int) {
    auto answer = good_order();
    answer.delay = 2s;
    return answer;
  });
  scene.worker->tell_acme(PlaceOrder{1, "scripted", {"a.test"}, ""});
  std::this_thread::sleep_for(200ms);
  const auto began = std::chrono::steady_clock::now();
  CHECK(scene.worker->end_acme() == 0);
  CHECK(std::chrono::steady_clock::now() - began < 1500ms);
}

TEST_CASE("without its keeper acme says so, and goes on serving") {
  Scene scene;
  CHECK(is_ready(scene.place_with([](int) { return good_order(); })));
  scene.worker->end_keeper();
  for (std::uint32_t id = 2; id <= 3; ++id)
    CHECK(failed(scene.place_again(id)).sentence.starts_with("newOrder: no signature: the keeper process "));
}
