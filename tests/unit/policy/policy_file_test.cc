// SPDX-License-Identifier: MIT
// A policy that anyone but root could have written or replaced is not read.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/policy/policy_text.h"

using namespace certlatch;
namespace fs = std::filesystem;

namespace {

constexpr unsigned kNobody = 65534;

/// A directory that only root can write to, all the way up: /tmp would not do.
class TrustedPlace {
 public:
  TrustedPlace() {
    std::string pattern = "/root/certlatch-policy-test-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    fs::create_directory(directory_ / "sub");
    std::ofstream(file()) << kSoundPolicy;
    chmod(file().c_str(), 0644);
  }
  ~TrustedPlace() { fs::remove_all(directory_); }
  TrustedPlace(const TrustedPlace&) = delete;

  [[nodiscard]] fs::path sub() const { return directory_ / "sub"; }
  [[nodiscard]] std::string file() const { return sub() / "policy.conf"; }

 private:
  fs::path directory_;
};

/// The one fault of a file that is not trusted; empty when it was read.
std::string refusal(const std::string& path) {
  const auto reading = load_policy(path);
  return reading ? "" : reading.error().at(0).text();
}

}  // namespace

TEST_CASE("a policy of root in a place of root is read") {
  const TrustedPlace place;
  CHECK(refusal(place.file()).empty());
  CHECK(load_policy(place.file())->file == place.file());
  CHECK(refusal(place.sub().string() + "/../sub/./policy.conf").empty());
}

TEST_CASE("the faults of a file carry its name") {
  const TrustedPlace place;
  std::ofstream(place.file()) << "[nonsense]\n";
  CHECK(refusal(place.file()) == place.file() + ": there is no [broker] section");
}

TEST_CASE("no policy is a fault") {
  const TrustedPlace place;
  fs::remove(place.file());
  CHECK(refusal(place.file()) ==
        place.file() + ": cannot open " + place.file() + ": No such file or directory");
}

TEST_CASE("a file of another user is refused") {
  const TrustedPlace place;
  CHECK(chown(place.file().c_str(), kNobody, 0) == 0);
  CHECK(refusal(place.file()) ==
        fmt::format("{0}: {0} belongs to user 65534, who could change it; chown root it", place.file()));
}

TEST_CASE("a file that its group or others may write to is refused") {
  const TrustedPlace place;
  for (const unsigned mode : {0664U, 0646U}) {
    chmod(place.file().c_str(), mode);
    CHECK(refusal(place.file()) ==
          fmt::format("{0}: {0} may be written to by others (mode {1:04o}); chmod go-w it", place.file(),
                      mode));
  }
}

TEST_CASE("a directory above it that others may write to, or own, is refused") {
  const TrustedPlace place;
  chmod(place.sub().c_str(), 0777);
  CHECK(refusal(place.file()) == fmt::format("{}: {} may be written to by others (mode 0777); chmod go-w it",
                                             place.file(), place.sub().string()));
  chmod(place.sub().c_str(), 01777);
  CHECK(refusal(place.file()).ends_with("(mode 1777); chmod go-w it"));
  chmod(place.sub().c_str(), 0755);
  CHECK(chown(place.sub().c_str(), kNobody, 0) == 0);
  CHECK(refusal(place.file()) ==
        fmt::format("{}: {} belongs to user 65534, who could change it; chown root it", place.file(),
                    place.sub().string()));
  CHECK(chown(place.sub().c_str(), 0, 0) == 0);
  chmod(place.sub().parent_path().c_str(), 0775);
  CHECK(refusal(place.file()).ends_with("(mode 0775); chmod go-w it"));
}

TEST_CASE("a symbolic link is refused, as the file and above it") {
  const TrustedPlace place;
  const auto link = place.sub() / "link.conf";
  fs::create_symlink("policy.conf", link);
  CHECK(refusal(link) ==
        fmt::format("{0}: {0} is a symbolic link; name the file it leads to", link.string()));
  const auto above = place.sub().parent_path() / "above";
  fs::create_directory_symlink("sub", above);
  CHECK(refusal(above / "policy.conf") ==
        fmt::format("{}/policy.conf: {} is a symbolic link; name the file it leads to", above.string(),
                    above.string()));
}

TEST_CASE("what is not a regular file is refused, and a FIFO does not hang the reader") {
  const TrustedPlace place;
  CHECK(refusal(place.sub()) == fmt::format("{0}: {0} is not a regular file", place.sub().string()));
  const std::string fifo = place.sub() / "fifo";
  mkfifo(fifo.c_str(), 0600);
  CHECK(refusal(fifo) == fmt::format("{0}: {0} is not a regular file", fifo));
  CHECK(refusal("/") == "/: / is not a regular file");
  CHECK(refusal("") != "");
}

TEST_CASE("a file that is too large is refused") {
  const TrustedPlace place;
  fs::resize_file(place.file(), kMaxPolicyBytes + 1);
  CHECK(refusal(place.file()) == place.file() + ": the file has more than 4194304 bytes");
}
