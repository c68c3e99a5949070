// SPDX-License-Identifier: MIT
#include "broker/install.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "tests/unit/install/install_host.h"

using namespace certlatch;
using namespace certlatch::test;
namespace fs = std::filesystem;

namespace {

std::uint32_t installed(const std::variant<Installed, Refused>& answer) {
  if (const auto* refused = std::get_if<Refused>(&answer)) FAIL(refused->sentence);
  return std::get<Installed>(answer).version;
}
Refused refused(const std::variant<Installed, Refused>& answer) {
  REQUIRE(std::holds_alternative<Refused>(answer));
  return std::get<Refused>(answer);
}
std::vector<std::string> names_below(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

}  // namespace

TEST_CASE_FIXTURE(InstallHost, "a pair is written as files with mode and owner, and live leads to it") {
  policy.installs[0].owner_user = "nobody";
  policy.installs[0].owner_group = "nogroup";
  auto installer = start();
  CHECK(owners == std::set<std::pair<uid_t, gid_t>>{{65534, 65534}});
  CHECK(installed(installer->install(request("1"), wait_alone)) == 1);
  CHECK(fs::read_symlink(directory + "/live") == "1");
  CHECK(file("live/privkey.pem") == "key 1\n");
  CHECK(file("live/cert.pem") == "leaf 1\n");
  CHECK(file("live/chain.pem") == "ca 1\n");
  CHECK(file("live/fullchain.pem") == "leaf 1\nca 1\n");
  CHECK(names_below(directory + "/1") ==
        std::vector<std::string>{"cert.pem", "chain.pem", "fullchain.pem", "installed", "privkey.pem"});
  struct stat found {};
  for (const char* name : {"privkey.pem", "cert.pem", "chain.pem", "fullchain.pem"}) {
    REQUIRE(::stat((directory + "/1/" + name).c_str(), &found) == 0);
    CHECK((found.st_mode & 07777) == 0640);
    CHECK(found.st_uid == 65534);
    CHECK(found.st_gid == 65534);
  }
  for (const auto& path : {directory, directory + "/1"}) {
    REQUIRE(::stat(path.c_str(), &found) == 0);
    CHECK((found.st_mode & 07777) == 0755);
  }
}

TEST_CASE_FIXTURE(InstallHost, "a combined file holds the key, then the chain") {
  policy.installs[0].combined = true;
  auto installer = start();
  auto wanted = request("1");
  wanted.key = Secret::copy_of("key 1");  // without a line end
  CHECK(installed(installer->install(wanted, wait_alone)) == 1);
  CHECK(file("live/combined.pem") == "key 1\nleaf 1\nca 1\n");
  CHECK(file("live/privkey.pem") == "key 1");
}

TEST_CASE_FIXTURE(InstallHost, "versions count up and the newest three stay") {
  auto installer = start();
  for (std::uint32_t i = 1; i <= 5; ++i)
    CHECK(installed(installer->install(request(std::to_string(i)), wait_alone)) == i);
  CHECK(names_below(directory) == std::vector<std::string>{"3", "4", "5", "live"});
  CHECK(file("live/privkey.pem") == "key 5\n");
  installer = start();
  CHECK(installed(installer->install(request("6"), wait_alone)) == 6);
}

TEST_CASE_FIXTURE(InstallHost, "status tells what is installed and whether it still is what was installed") {
  policy.installs[0].services = {"nginx"};
  policy.services.resize(1);
  policy.services[0].name = "nginx";
  auto installer = start();
  const auto status = [&] { return installer->status().at(0); };
  CHECK(status().state == PairState::absent);
  CHECK(status().services == std::vector<std::string>{"nginx"});
  CHECK(status().directory == directory);
  installed(installer->install(request("1"), wait_alone));
  CHECK(status().entry == "e");
  CHECK(status().state == PairState::whole);
  CHECK(status().version == 1);
  CHECK(status().not_after == 2000);
  CHECK(status().fingerprint == digest_of("leaf 1\nca 1\n"));

  const auto key = directory + "/1/privkey.pem";
  const auto whole_again = [&] {
    installed(installer->install(request("1"), wait_alone));
    CHECK(status().state == PairState::whole);
  };
  SUBCASE("overwritten") { write_file(key, "key 2\n"); }
  SUBCASE("removed") { fs::remove(key); }
  SUBCASE("made readable") { fs::permissions(key, fs::perms(0644)); }
  SUBCASE("given away") { REQUIRE(::chown(key.c_str(), 65534, 65534) == 0); }
  SUBCASE("given to another group") { REQUIRE(::chown(key.c_str(), 0, 65534) == 0); }
  SUBCASE("replaced by a link") {
    fs::rename(key, directory + "/1/key");
    fs::create_symlink("key", key);
  }
  SUBCASE("record removed") { fs::remove(directory + "/1/installed"); }
  SUBCASE("record damaged") { write_file(directory + "/1/installed", "x"); }
  SUBCASE("record empty") { write_file(directory + "/1/installed", ""); }
  SUBCASE("policy changed its mode") {
    policy.installs[0].mode = 0600;
    installer = start();
  }
  SUBCASE("policy wants a combined file") {
    policy.installs[0].combined = true;
    installer = start();
  }
  CHECK(status().state == PairState::altered);
  CHECK(status().version == 1);
  whole_again();
}

TEST_CASE_FIXTURE(InstallHost, "a live that leads nowhere counts as nothing installed") {
  auto installer = start();
  installed(installer->install(request("1"), wait_alone));
  fs::remove(directory + "/live");
  CHECK(installer->status()[0].state == PairState::absent);
  for (const char* target : {"../../etc", "/etc", "7", "01", "1/", "99999999999999999999"}) {
    fs::create_symlink(target, directory + "/live");
    CHECK(installer->status()[0].state == PairState::absent);
    fs::remove(directory + "/live");
  }
  CHECK(installed(installer->install(request("2"), wait_alone)) == 2);
  CHECK(installer->status()[0].state == PairState::whole);
}

TEST_CASE_FIXTURE(InstallHost, "what the policy or the inspector refuses leaves no trace") {
  auto installer = start();
  installed(installer->install(request("1"), wait_alone));
  auto other = request("2");
  other.entry = "unknown";
  CHECK(refused(installer->install(other, wait_alone)).reason == RefusalReason::policy);
  other.entry = "../e";
  CHECK(refused(installer->install(other, wait_alone)).reason == RefusalReason::policy);

  inspector.answer = fail(Error::refused("the key is odd"));
  auto refusal = refused(installer->install(request("2"), wait_alone));
  CHECK(refusal.reason == RefusalReason::pair);
  CHECK(refusal.sentence == "install e: the key is odd");
  CHECK(refusal.line == 5);

  inspector.answer = fail(Error::closed("certlatch-inspector: it has ended"));
  CHECK(refused(installer->install(request("2"), wait_alone)).reason == RefusalReason::host);

  inspector.answer = Verdict{{"example.org", "evil.example"}, 2000, 0, {}};
  refusal = refused(installer->install(request("2"), wait_alone));
  CHECK(refusal.reason == RefusalReason::policy);
  CHECK(refusal.line == 6);
  inspector.answer->names.clear();
  CHECK(refused(installer->install(request("2"), wait_alone)).reason == RefusalReason::policy);

  CHECK(names_below(directory) == std::vector<std::string>{"1", "live"});
  CHECK(file("live/privkey.pem") == "key 1\n");
}

TEST_CASE_FIXTURE(InstallHost, "a failed check undoes the switch and the answer carries its output") {
  policy.installs[0].services = {"first", "second", "third"};
  policy.services.resize(3);
  policy.services[0].name = "first";
  policy.services[1].name = "second";
  policy.services[2].name = "third";
  auto installer = start();
  services.live = directory + "/live";

  services.failing = "second";
  auto refusal = refused(installer->install(request("1"), wait_alone));
  CHECK(refusal.reason == RefusalReason::check);
  CHECK(refusal.line == 9);
  CHECK(refusal.sentence == "install e: undone, since service second: no");
  CHECK(refusal.output == "output");
  CHECK(services.checked == std::vector<std::string>{"first", "second"});
  CHECK(services.seen == "key 1\n");  // the check saw the new pair
  CHECK(names_below(directory).empty());

  services.failing.clear();
  CHECK(installed(installer->install(request("2"), wait_alone)) == 1);
  services.failing = "third";
  refused(installer->install(request("3"), wait_alone));
  CHECK(names_below(directory) == std::vector<std::string>{"1", "live"});
  CHECK(fs::read_symlink(directory + "/live") == "1");
  CHECK(file("live/privkey.pem") == "key 2\n");
  CHECK(installer->status()[0].state == PairState::whole);
}

TEST_CASE_FIXTURE(InstallHost, "what is staged stays when the check of each of its services has passed") {
  policy.installs[0].services = {"first", "second"};
  policy.services.resize(2);
  policy.services[0].name = "first";
  policy.services[1].name = "second";
  auto installer = start();
  installed(installer->install(request("1"), wait_alone));
  services.checked.clear();
  const auto stage = [&](const std::string& number) {
    auto staged = request(number);
    staged.is_staged = true;
    return installed(installer->install(staged, wait_alone));
  };
  CHECK(stage("2") == 2);
  CHECK(services.checked.empty());
  CHECK(file("live/privkey.pem") == "key 2\n");

  SUBCASE("both pass") {
    installer->keep_staged("first");
    installer->keep_staged("second");
    CHECK(installer->undo_staged("") == "");
    CHECK(file("live/privkey.pem") == "key 2\n");
  }
  SUBCASE("one fails") {
    installer->keep_staged("first");
    CHECK(installer->undo_staged("third") == "");
    CHECK(installer->undo_staged("second") == " e");
    CHECK(names_below(directory) == std::vector<std::string>{"1", "live"});
    CHECK(file("live/privkey.pem") == "key 1\n");
  }
  SUBCASE("none is asked") { CHECK(installer->undo_staged("") == " e"); }
  SUBCASE("replaced by another that fails: back to what had passed") {
    stage("3");
    services.failing = "first";
    refused(installer->install(request("4"), wait_alone));
    CHECK(file("live/privkey.pem") == "key 1\n");
    CHECK(installer->undo_staged("") == "");
  }
  SUBCASE("nobody uses it") {
    policy.installs[0].services.clear();
    stage("3");
    CHECK(installer->undo_staged("") == "");
    CHECK(file("live/privkey.pem") == "key 3\n");
  }
}

TEST_CASE_FIXTURE(InstallHost,
                  "leftovers of an interrupted install go, at the start and before the next install") {
  auto installer = start();
  installed(installer->install(request("1"), wait_alone));
  const auto leave = [&] {
    fs::copy(directory + "/1", directory + "/2");  // whole, but never switched to
    fs::create_directory(directory + "/3");        // a torso
    write_file(directory + "/3/privkey.pem", "half a k");
    fs::create_symlink("2", directory + "/.live.new");
  };
  leave();
  CHECK(installed(installer->install(request("2"), wait_alone)) == 2);
  fs::remove_all(directory + "/2");
  fs::remove(directory + "/live");
  fs::create_symlink("1", directory + "/live");
  leave();
  start();
  CHECK(names_below(directory) == std::vector<std::string>{"1", "live"});
}

TEST_CASE_FIXTURE(InstallHost, "an obstacle where live should be is reported and nothing is left") {
  auto installer = start();
  fs::create_directories(directory + "/live/x");
  const auto refusal = refused(installer->install(request("1"), wait_alone));
  CHECK(refusal.reason == RefusalReason::host);
  CHECK(refusal.sentence.find(directory + "/live") != std::string::npos);
  CHECK_FALSE(fs::exists(directory + "/1"));
  CHECK(fs::is_directory(directory + "/live"));
}

TEST_CASE_FIXTURE(InstallHost, "missing directories are made, the last one for the broker") {
  REQUIRE(prepare(12345, 12346));
  struct stat found {};
  REQUIRE(::stat((scratch / "pairs").c_str(), &found) == 0);
  CHECK(found.st_uid == 0);
  REQUIRE(::stat(directory.c_str(), &found) == 0);
  CHECK(found.st_uid == 12345);
  CHECK(found.st_gid == 12346);
  CHECK((found.st_mode & 07777) == 0755);
  CHECK(prepare(12345, 12346));  // and found again
}

TEST_CASE_FIXTURE(InstallHost,
                  "a directory that is not the broker's alone is refused with the policy's line") {
  const auto message = [&](std::uint32_t uid = 12345) {
    const auto installer = prepare(uid, uid);
    REQUIRE_FALSE(installer);
    CHECK(installer.error().message.starts_with("policy.conf:5: "));
    return installer.error().message;
  };
  fs::create_directories(directory);
  SUBCASE("writable by others") {
    fs::permissions(directory, fs::perms(0757));
    CHECK(message().find("may be written to by others") != std::string::npos);
  }
  SUBCASE("writable by its group") {
    fs::permissions(directory, fs::perms(0775));
    CHECK(message().find("may be written to by others") != std::string::npos);
  }
  SUBCASE("writable by others, with the sticky bit") {
    fs::permissions(directory, fs::perms(01777));
    CHECK(message().find("may be written to by others") != std::string::npos);
  }
  SUBCASE("somebody else's") {
    REQUIRE(::chown(directory.c_str(), 999, 999) == 0);
    CHECK(message().find("belongs to user 999") != std::string::npos);
  }
  SUBCASE("below a directory of somebody else") {
    REQUIRE(::chown((scratch / "pairs").c_str(), 999, 999) == 0);
    CHECK(message().find("belongs to user 999") != std::string::npos);
  }
  SUBCASE("below a directory that others may write to") {
    fs::permissions(scratch / "pairs", fs::perms(0777));
    CHECK(message().find("may be written to by others") != std::string::npos);
  }
  SUBCASE("a link") {
    fs::rename(directory, directory + ".real");
    fs::create_symlink("example.org.real", directory);
    CHECK(message().find("is a link or a file") != std::string::npos);
  }
  SUBCASE("holding somebody's files") {
    write_file(directory + "/shadow", "");
    CHECK(message().find("holds other files") != std::string::npos);
    struct stat found {};
    REQUIRE(::stat(directory.c_str(), &found) == 0);
    CHECK(found.st_uid == 0);
  }
  SUBCASE("an unknown user") {
    policy.installs[0].owner_user = "no-such-user";
    CHECK(message() == "policy.conf:5: owner: there is no user no-such-user on this host");
  }
  SUBCASE("an unknown group") {
    policy.installs[0].owner_group = "no-such-group";
    CHECK(message() == "policy.conf:5: owner: there is no group no-such-group on this host");
  }
}

TEST_CASE_FIXTURE(InstallHost, "files can be given to the owners that the entries name, and to nobody else") {
  REQUIRE(prepare());
  CHECK(owners == std::set<std::pair<uid_t, gid_t>>{{0, 0}});
  policy.installs[0].owner_group = "nogroup";
  REQUIRE(prepare());
  CHECK(owners == std::set<std::pair<uid_t, gid_t>>{{0, 65534}});
}
