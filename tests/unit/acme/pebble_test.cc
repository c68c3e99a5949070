// SPDX-License-Identifier: MIT
#include "tests/unit/acme/pebble.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "tests/unit/acme/https_certificate.h"
#include "tests/unit/acme/pebble_settings.h"
#include "tests/unit/acme/private_network.h"
#include "tests/unit/acme/worker_double.h"

using namespace certlatch;

namespace {

/// A name server that knows every name as 127.0.0.1, and is asked by this program and its children.
class NameServer {
 public:
  NameServer() {
    enter_private_network();
    REQUIRE(::unshare(CLONE_NEWNS) == 0);
    REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    std::ofstream(temp_ / "resolv.conf") << "nameserver 127.0.0.1\n";
    REQUIRE(::mount((temp_ / "resolv.conf").c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const int log = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
      ::dup2(log, 1);
      ::dup2(log, 2);
      ::execl("/usr/bin/pebble-challtestsrv", "pebble-challtestsrv", "-dns01", "127.0.0.1:53", "-http01", "",
              "-https01", "", "-tlsalpn01", "", "-management", "127.0.0.1:8055", "-defaultIPv4", "127.0.0.1",
              "-defaultIPv6", "", nullptr);
      ::_exit(127);
    }
  }
  ~NameServer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::umount("/etc/resolv.conf");
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

 private:
  TempDirectory temp_;
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("a certificate is issued by a real CA, and fits its key") {
  const Pebble pebble;
  const TempDirectory temp;
  WorkerDouble worker(temp.path(), {settings(pebble)});
  const auto began = std::chrono::steady_clock::now();
  const auto issued = worker.issue(7, "a", {"example.org", "www.example.org"});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  CHECK(issued.id == 7);
  CHECK(issued.chain.starts_with("-----BEGIN CERTIFICATE-----\n"));
  CHECK(issued.chain.ends_with("-----END CERTIFICATE-----\n"));
  CHECK(issued.not_after > issued.not_before);
  CHECK(worker.fits(issued, "a"));
  CHECK(took.count() < 5.0);  // with sanitizers, on a busy machine; well under a second otherwise
  REQUIRE(worker.accounts.size() == 1);
  CHECK(worker.accounts[0].account_url.starts_with("https://127.0.0.1:14000/"));
  CHECK(worker.end_acme() == 0);
}

TEST_CASE("a CA that refuses nine nonces of ten gives a certificate all the same") {
  const Pebble pebble({"PEBBLE_VA_ALWAYS_VALID=1", "PEBBLE_WFE_NONCEREJECT=90"});
  const TempDirectory temp;
  WorkerDouble worker(temp.path(), {settings(pebble)});
  const auto issued = worker.issue(1, "a", {"example.org"});
  CHECK(worker.fits(issued, "a"));
  CHECK(lines_with(worker, " 400 ") > 3);
}

TEST_CASE("every type of account key and of certificate key works") {
  const Pebble pebble({"PEBBLE_VA_ALWAYS_VALID=1", "PEBBLE_WFE_NONCEREJECT=0"});
  for (const auto type :
       {KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::rsa_2048, KeyType::rsa_3072, KeyType::rsa_4096}) {
    CAPTURE(static_cast<int>(type));
    const TempDirectory temp;
    WorkerDouble worker(temp.path(), {settings(pebble)}, type);
    CHECK(worker.fits(worker.issue(1, "a", {"example.org"}, type), "a"));
  }
}

TEST_CASE("a CA that does not take the account's type of key is quoted") {
  const Pebble pebble;
  const TempDirectory temp;
  WorkerDouble worker(temp.path(), {settings(pebble)}, KeyType::ed25519);
  worker.tell_acme(PlaceOrder{1, "pebble", {"example.org"}, ""});
  const auto failed = worker.hear<OrderFailed>();
  CHECK(failed.sentence == "newAccount: the CA refuses the request (status 400)");
  CHECK(failed.type == "urn:ietf:params:acme:error:badPublicKey");
  CHECK(failed.detail.contains("ed25519"));
}

TEST_CASE("many names, wildcard-free and with addresses, are one order") {
  const Pebble pebble;
  const TempDirectory temp;
  WorkerDouble worker(temp.path(), {settings(pebble)});
  // Pebble itself mistakes a CSR with addresses of both families.
  CHECK(worker.fits(worker.issue(1, "v4", {"192.0.2.1", "192.0.2.2"}), "v4"));
  CHECK(worker.fits(worker.issue(2, "v6", {"2001:DB8:0::1"}), "v6"));
  std::vector<std::string> names{"192.0.2.1"};
  for (int i = 0; i < 20; ++i) names.push_back(fmt::format("Host{}.example.org", i));
  CHECK(worker.fits(worker.issue(3, "a", names), "a"));
}

TEST_CASE("orders run side by side") {
  const Pebble pebble;
  const TempDirectory temp;
  WorkerDouble worker(temp.path(), {settings(pebble)}, KeyType::ecdsa_p256, 4);
  constexpr std::uint32_t kOrders = 12;
  for (std::uint32_t id = 0; id < kOrders; ++id)
    worker.tell_acme(PlaceOrder{id, "pebble", {fmt::format("{}.example.org", id)}, ""});
  std::size_t issued = 0;
  while (issued < kOrders) {
    auto answer = worker.hear_acme();
    if (const auto* ready = std::get_if<OrderReady>(&answer)) {
      CHECK(ready->challenges.size() == 1);
      CHECK(ready->challenges[0].name == fmt::format("{}.example.org", ready->id));
      worker.tell_acme(Validate{ready->id});
    } else if (const auto* valid = std::get_if<Validated>(&answer)) {
      const auto name = std::to_string(valid->id);
      auto request = worker.ask_keeper(MakeRequest{name, {name + ".example.org"}});
      worker.tell_acme(Finalize{valid->id, std::get<RequestReady>(request).csr});
    } else {
      REQUIRE(std::holds_alternative<Issued>(answer));
      CHECK(worker.fits(std::get<Issued>(answer), std::to_string(std::get<Issued>(answer).id)));
      ++issued;
    }
  }
  CHECK(worker.accounts.size() == 1);
}

TEST_CASE("a later run goes on with the order of a run that was killed, at any point") {
  const Pebble pebble;
  const TempDirectory temp;
  auto ca = settings(pebble);
  const std::vector<std::string> names{"example.org"};
  const auto run = [&](auto&& phases) {
    WorkerDouble worker(temp.path(), {ca});
    phases(worker);
    if (!worker.accounts.empty()) ca.account_url = worker.accounts[0].account_url;
  };
  std::string order_url;
  SUBCASE("before the challenge") {
    run([&](WorkerDouble& worker) {
      worker.tell_acme(PlaceOrder{1, "pebble", names, ""});
      order_url = worker.hear<OrderReady>().order_url;
    });
  }
  SUBCASE("after the challenge") {
    run([&](WorkerDouble& worker) {
      worker.tell_acme(PlaceOrder{1, "pebble", names, ""});
      order_url = worker.hear<OrderReady>().order_url;
      worker.tell_acme(Validate{1});
      worker.hear<Validated>();
    });
  }
  SUBCASE("after the certificate was issued") {
    run([&](WorkerDouble& worker) {
      worker.tell_acme(PlaceOrder{1, "pebble", names, ""});
      order_url = worker.hear<OrderReady>().order_url;
      worker.tell_acme(Validate{1});
      worker.hear<Validated>();
      auto request = worker.ask_keeper(MakeRequest{"a", names});
      worker.tell_acme(Finalize{1, std::get<RequestReady>(request).csr});
      worker.hear<Issued>();
    });
  }
  run([&](WorkerDouble& worker) {
    CHECK(worker.fits(worker.issue(1, "a", names, KeyType::ecdsa_p256, order_url), "a"));
    CHECK(lines_with(worker, "sign-me-up") == 0);
    CHECK(lines_with(worker, "order-plz") == 0);
  });
}

TEST_CASE("an order of an earlier run that is for other names, or is gone, is replaced by a new one") {
  const Pebble pebble;
  const TempDirectory temp;
  WorkerDouble worker(temp.path(), {settings(pebble)});
  worker.tell_acme(PlaceOrder{1, "pebble", {"example.org"}, ""});
  const auto url = worker.hear<OrderReady>().order_url;
  worker.tell_acme(PlaceOrder{2, "pebble", {"other.example.org"}, url});
  CHECK(worker.hear<OrderReady>().order_url != url);
  worker.tell_acme(PlaceOrder{3, "pebble", {"example.org"}, "https://127.0.0.1:14000/my-order/none"});
  CHECK(worker.hear<OrderReady>().order_url.starts_with("https://127.0.0.1:14000/my-order/"));
  worker.tell_acme(PlaceOrder{4, "pebble", {"example.org"}, "https://elsewhere.test/my-order/none"});
  CHECK(worker.hear<OrderReady>().order_url.starts_with("https://127.0.0.1:14000/my-order/"));
}

TEST_CASE("an account that the CA has forgotten is made anew") {
  const Pebble pebble;
  const TempDirectory temp;
  auto ca = settings(pebble);
  ca.account_url = "https://127.0.0.1:14000/my-account/424242";
  WorkerDouble worker(temp.path(), {ca});
  for (std::uint32_t id = 1; id <= 3; ++id) worker.tell_acme(PlaceOrder{id, "pebble", {"example.org"}, ""});
  for (int i = 1; i <= 3; ++i) worker.hear<OrderReady>();
  REQUIRE_FALSE(worker.accounts.empty());
  CHECK(worker.accounts.back().account_url != ca.account_url);
  CHECK(lines_with(worker, "sign-me-up") == 1);
}

TEST_CASE("a name that the CA refuses is told with the CA's own words") {
  const Pebble pebble;
  const TempDirectory temp;
  WorkerDouble worker(temp.path(), {settings(pebble)});
  worker.tell_acme(PlaceOrder{1, "pebble", {"example.org", "blocked.test"}, ""});
  const auto failed = worker.hear<OrderFailed>();
  CHECK(failed.id == 1);
  CHECK(failed.sentence == "newOrder: the CA refuses the request (status 400)");
  CHECK(failed.type == "urn:ietf:params:acme:error:rejectedIdentifier");
  CHECK(failed.detail.contains("blocked.test"));
}

TEST_CASE("a challenge that fails is told with its name and the CA's reason") {
  const Pebble pebble({"PEBBLE_WFE_NONCEREJECT=0"});
  const TempDirectory temp;
  WorkerDouble worker(temp.path(), {settings(pebble)});
  worker.tell_acme(PlaceOrder{1, "pebble", {"a.example.org", "b.example.org"}, ""});
  worker.hear<OrderReady>();
  worker.tell_acme(Validate{1});
  const auto failed = worker.hear<OrderFailed>();
  CHECK(failed.sentence.contains("could not validate"));
  CHECK(failed.type.starts_with("urn:ietf:params:acme:error:"));
  CHECK(failed.order_is_lost);
}

TEST_CASE("the CA's certificate must be trusted, and the sentence says what to do") {
  const Pebble pebble;
  const TempDirectory temp;
  auto ca = settings(pebble);
  SUBCASE("by the system's roots") {
    ca.roots = "";
    WorkerDouble worker(temp.path(), {ca});
    worker.tell_acme(PlaceOrder{1, "pebble", {"example.org"}, ""});
    const auto failed = worker.hear<OrderFailed>();
    CHECK(failed.sentence.contains("the HTTPS certificate of https://127.0.0.1:14000 is not trusted"));
    CHECK(failed.sentence.contains("roots = FILE in section [ca pebble]"));
  }
  SUBCASE("by the roots that the section names") {
    make_https_certificate("/dev/null", temp / "other.pem");
    ca.roots = temp / "other.pem";
    WorkerDouble worker(temp.path(), {ca});
    worker.tell_acme(PlaceOrder{1, "pebble", {"example.org"}, ""});
    const auto failed = worker.hear<OrderFailed>();
    CHECK(failed.sentence.contains("is not trusted"));
    CHECK(failed.sentence.contains("other.pem"));
  }
  SUBCASE("and a roots file that is not there is named") {
    ca.roots = temp / "nowhere.pem";
    WorkerDouble worker(temp.path(), {ca});
    worker.tell_acme(PlaceOrder{1, "pebble", {"example.org"}, ""});
    const auto failed = worker.hear<OrderFailed>();
    CHECK(failed.sentence.contains("nowhere.pem"));
  }
}

TEST_CASE("the CA's name is looked up, in the hosts file and by DNS") {
  const NameServer name_server;
  const Pebble pebble;
  for (const auto* host : {"localhost", "ca.example.org"}) {
    CAPTURE(host);
    const TempDirectory temp;
    auto ca = settings(pebble);
    ca.directory = fmt::format("https://{}:14000/dir", host);
    WorkerDouble worker(temp.path(), {ca});
    CHECK(worker.fits(worker.issue(1, "a", {"example.org"}), "a"));
  }
}

TEST_CASE("a CA whose name is not known is told so") {
  const TempDirectory temp;
  enter_private_network();
  CaSettings ca;
  ca.name = "nowhere";
  ca.directory = "https://nowhere.invalid/dir";
  WorkerDouble worker(temp.path(), {ca});
  worker.tell_acme(PlaceOrder{1, "nowhere", {"example.org"}, ""});
  const auto failed = worker.hear<OrderFailed>();
  CHECK(failed.sentence ==
        "the CA at https://nowhere.invalid cannot be reached: Could not resolve host: nowhere.invalid");
  CHECK_FALSE(failed.order_is_lost);
}
