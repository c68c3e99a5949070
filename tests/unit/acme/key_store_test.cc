// SPDX-License-Identifier: MIT
#include "worker/keeper/key_store.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/unit/acme/temp_directory.h"

using namespace certlatch;
namespace fs = std::filesystem;

namespace {
unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}
}  // namespace

TEST_CASE("a key is kept in a file that only its owner reads") {
  const TempDirectory temp;
  auto store = KeyStore::open(temp / "accounts", "key.pem");
  REQUIRE(store);
  const auto before = ::umask(0);  // a careless umask must not matter
  REQUIRE(store->save("letsencrypt", Secret::copy_of("one")));
  ::umask(before);
  CHECK(mode_of(temp / "accounts") == 0700);
  CHECK(mode_of(temp / "accounts/letsencrypt") == 0700);
  CHECK(mode_of(temp / "accounts/letsencrypt/key.pem") == 0600);
  CHECK((**store->load("letsencrypt")).text() == "one");
  REQUIRE(store->save("letsencrypt", Secret::copy_of("two")));
  CHECK((**store->load("letsencrypt")).text() == "two");
  CHECK_FALSE(fs::exists(temp / "accounts/letsencrypt/.key.pem.new"));
}

TEST_CASE("what a crash left unfinished does not stand in the way") {
  const TempDirectory temp;
  auto store = KeyStore::open(temp / "keys", "privkey.pem");
  fs::create_directory(temp / "keys/a");
  std::ofstream(temp / "keys/a/.privkey.pem.new") << "half";
  fs::permissions(temp / "keys/a/.privkey.pem.new", fs::perms::all);
  REQUIRE(store->save("a", Secret::copy_of("whole")));
  CHECK((**store->load("a")).text() == "whole");
  CHECK(mode_of(temp / "keys/a/privkey.pem") == 0600);
}

TEST_CASE("a key that is forgotten is wiped and gone, and forgetting twice is no error") {
  const TempDirectory temp;
  auto store = KeyStore::open(temp / "keys", "privkey.pem");
  REQUIRE(store->save("a", Secret::copy_of("secret")));
  fs::create_hard_link(temp / "keys/a/privkey.pem", temp / "witness");
  REQUIRE(store->forget("a"));
  CHECK(fs::exists(temp / "keys/a"));
  CHECK_FALSE(fs::exists(temp / "keys/a/privkey.pem"));
  std::string left;
  std::getline(std::ifstream(temp / "witness"), left);
  CHECK(left == std::string(6, '\0'));
  CHECK_FALSE(store->load("a")->has_value());
  CHECK(store->forget("a"));
  CHECK(store->forget("never-seen"));
}

TEST_CASE("no name leads out of the store") {
  const TempDirectory temp;
  auto store = KeyStore::open(temp / "keys", "privkey.pem");
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("../keys"),
                                  std::string("a/b"), std::string("/etc"), std::string(".hidden"),
                                  std::string("a\0b", 3), std::string("a\nb"), std::string(256, 'a')}) {
    CAPTURE(name);
    CHECK_FALSE(store->save(name, Secret::copy_of("x")));
    CHECK_FALSE(store->load(name));
    CHECK_FALSE(store->forget(name));
  }
  CHECK(fs::is_empty(temp / "keys"));
}

TEST_CASE("no symbolic link is followed") {
  const TempDirectory temp;
  auto store = KeyStore::open(temp / "keys", "privkey.pem");
  fs::create_directory(temp / "elsewhere");
  std::ofstream(temp / "elsewhere/privkey.pem") << "foreign";
  fs::create_directory_symlink(temp / "elsewhere", temp / "keys/link");
  CHECK_FALSE(store->load("link"));
  CHECK_FALSE(store->save("link", Secret::copy_of("x")));
  CHECK_FALSE(store->forget("link"));
  fs::create_directory(temp / "keys/a");
  fs::create_symlink(temp / "elsewhere/privkey.pem", temp / "keys/a/privkey.pem");
  CHECK_FALSE(store->load("a"));
  fs::create_directory_symlink(temp / "elsewhere", temp / "linked-store");
  CHECK_FALSE(KeyStore::open(temp / "linked-store", "privkey.pem"));
  std::string left;
  std::getline(std::ifstream(temp / "elsewhere/privkey.pem"), left);
  CHECK(left == "foreign");
}

TEST_CASE("a file that cannot be a key is not read") {
  const TempDirectory temp;
  auto store = KeyStore::open(temp / "keys", "privkey.pem");
  fs::create_directories(temp / "keys/big");
  std::ofstream(temp / "keys/big/privkey.pem") << std::string(16 * 1024 + 1, 'x');
  CHECK_FALSE(store->load("big"));
  fs::create_directories(temp / "keys/empty");
  std::ofstream(temp / "keys/empty/privkey.pem");
  CHECK_FALSE(store->load("empty"));
  fs::create_directories(temp / "keys/fifo");
  REQUIRE(::mkfifo((temp / "keys/fifo/privkey.pem").c_str(), 0600) == 0);
  CHECK_FALSE(store->load("fifo"));
}
