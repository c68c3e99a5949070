// SPDX-License-Identifier: MIT
// The toggles and their journal, on plain files.
#include "broker/route_localnet.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <fstream>

#include "protocol/unique_fd.h"

namespace certlatch {
namespace {

namespace fs = std::filesystem;

struct Settings {
  fs::path top;
  UniqueFd run;

  Settings() {
    std::string name = "/tmp/certlatch-toggles-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    top = name;
    fs::create_directory(top / "run");
    for (const char* interface : {"eth0", "eth1"}) {
      fs::create_directory(top / interface);
      write(std::string(interface) + "/route_localnet", "0\n");
    }
    run.reset(::open((top / "run").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Settings() { fs::remove_all(top); }

  void write(const std::string& file, const std::string& text) const { std::ofstream(top / file) << text; }
  [[nodiscard]] std::string read(const std::string& file) const {
    std::ifstream stream(top / file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  [[nodiscard]] std::string journal() const { return read("run/route_localnet"); }
  [[nodiscard]] Result<std::unique_ptr<RouteLocalnet>> prepare() const {
    return RouteLocalnet::prepare({"eth0", "eth1"}, run.get(), top);
  }
};

TEST_CASE("a toggle is set while an opening needs it, and journalled for as long") {
  const Settings settings;
  const auto toggles = settings.prepare();
  REQUIRE(toggles.has_value());
  CHECK((*toggles)->set({"eth0"}).has_value());
  CHECK(settings.journal() == "eth0\n");
  CHECK((*toggles)->set({"eth0", "eth1"}).has_value());
  CHECK(settings.read("eth0/route_localnet") == "1\n");
  CHECK(settings.read("eth1/route_localnet") == "1\n");
  CHECK(settings.journal() == "eth0\neth1\n");
  CHECK((*toggles)->set({"eth0"}).has_value());
  CHECK(settings.read("eth0/route_localnet") == "1\n");
  CHECK(settings.read("eth1/route_localnet") == "0\n");
  CHECK(settings.journal() == "eth0\n");
  CHECK((*toggles)->set({}).has_value());
  CHECK((*toggles)->set({}).has_value());
  CHECK(settings.read("eth0/route_localnet") == "0\n");
  CHECK(fs::is_empty(settings.top / "run"));
}

TEST_CASE("the next start puts back what the journal says, and forgets it") {
  const Settings settings;
  settings.write("eth0/route_localnet", "1\n");
  settings.write("eth1/route_localnet", "1\n");
  settings.write("run/route_localnet", "eth0\ngone0\n");
  REQUIRE(settings.prepare().has_value());
  CHECK(settings.read("eth0/route_localnet") == "0\n");
  CHECK(settings.read("eth1/route_localnet") == "1\n");
  CHECK(fs::is_empty(settings.top / "run"));
}

TEST_CASE("a journal that certlatchd cannot have written leads nowhere") {
  for (const std::string line : {"../secret", "secret/.", "..", "", "a-name-that-is-too-long"}) {
    CAPTURE(line);
    const Settings settings;
    fs::create_directory(settings.top / "secret");
    settings.write("secret/route_localnet", "0\n");
    settings.write("run/route_localnet", line + "\n");
    const auto toggles = settings.prepare();
    REQUIRE(!toggles.has_value());
    CHECK(toggles.error().message.find("the journal `route_localnet`") != std::string::npos);
    CHECK(settings.read("secret/route_localnet") == "0\n");
  }
}

TEST_CASE("a journal that is a link is not followed") {
  const Settings settings;
  settings.write("eth0/route_localnet", "1\n");
  settings.write("elsewhere", "eth0\n");
  fs::create_symlink("../elsewhere", settings.top / "run/route_localnet");
  CHECK(!settings.prepare().has_value());
  CHECK(settings.read("eth0/route_localnet") == "1\n");
}

TEST_CASE("a toggle that the admin has set is left alone, and no start puts it back") {
  const Settings settings;
  settings.write("eth0/route_localnet", "2\n");
  const auto toggles = settings.prepare();
  REQUIRE(toggles.has_value());
  CHECK((*toggles)->set({"eth0"}).has_value());
  CHECK(settings.read("eth0/route_localnet") == "2\n");
  CHECK(settings.journal().empty());
  CHECK((*toggles)->set({}).has_value());
  CHECK(settings.read("eth0/route_localnet") == "2\n");
}

TEST_CASE("no toggle is set when the journal cannot be written") {
  const Settings settings;
  const auto toggles = settings.prepare();
  REQUIRE(toggles.has_value());
  fs::remove_all(settings.top / "run");
  CHECK(!(*toggles)->set({"eth0"}).has_value());
  CHECK(settings.read("eth0/route_localnet") == "0\n");
  CHECK((*toggles)->set({}).has_value());
}

TEST_CASE("a toggle of an interface that no opening names is out of reach") {
  const Settings settings;
  fs::create_directory(settings.top / "eth2");
  settings.write("eth2/route_localnet", "0\n");
  const auto toggles = settings.prepare();
  REQUIRE(toggles.has_value());
  CHECK(!(*toggles)->set({"eth2"}).has_value());
  CHECK(settings.read("eth2/route_localnet") == "0\n");
}

}  // namespace
}  // namespace certlatch
