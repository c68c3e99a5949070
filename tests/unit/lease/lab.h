// SPDX-License-Identifier: MIT
// A host and a client, each in a network namespace of its own, joined by a cable. The process lives in the
// host's; nothing of the machine's own network is touched.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "broker/lease.h"
#include "protocol/unique_fd.h"

namespace certlatch {

inline constexpr char kHost4[] = "10.77.0.2";
inline constexpr char kHost6[] = "fd77::2";

enum class Reach { connected, refused, nothing };
doctest::String toString(Reach reach);  // for doctest

struct Flow {
  UniqueFd client;
  UniqueFd server;
  /// Does a byte sent by the client arrive, within the time?
  [[nodiscard]] bool is_alive(std::chrono::milliseconds time) const;
};

class Lab {
 public:
  Lab();
  ~Lab();

  /// Runs a shell command in the host's namespace and returns what it printed; a failure fails the test.
  static std::string run(const std::string& command);
  static void load(const std::string& rules);  // nft -f
  static std::string ruleset() { return run("nft -s list ruleset"); }
  static std::string setting() { return run("cat /proc/sys/net/ipv4/conf/eth0/route_localnet"); }
  /// Does `work` as the client.
  void as_client(const std::function<void()>& work) const { as(client_, work); }
  void as(const UniqueFd& neighbour, const std::function<void()>& work) const;
  /// One more neighbour, at the other end of `cable`: PREFIX.2/24 is the host's address, PREFIX.1 its own.
  [[nodiscard]] UniqueFd neighbour(const std::string& cable, const std::string& prefix) const;

  static UniqueFd listen(const std::string& address, std::uint16_t port);
  /// From the client. What is to be `nothing` is waited for no longer than `patience`.
  [[nodiscard]] Reach reach(const std::string& address, std::uint16_t port,
                            std::chrono::milliseconds patience = std::chrono::milliseconds(120)) const {
    return reach(address, port, client_, patience);
  }
  [[nodiscard]] Reach reach(const std::string& address, std::uint16_t port, const UniqueFd& from,
                            std::chrono::milliseconds patience = std::chrono::milliseconds(120)) const;
  /// The same, for something that has to answer.
  [[nodiscard]] bool reaches(const std::string& address, std::uint16_t port) const {
    return reach(address, port, std::chrono::seconds(3)) == Reach::connected;
  }
  [[nodiscard]] UniqueFd connect(const std::string& address, std::uint16_t port, const UniqueFd& from,
                                 std::chrono::milliseconds patience) const;
  [[nodiscard]] Flow flow(const std::string& address, std::uint16_t port, const UniqueFd& listener) const;

  [[nodiscard]] int run_directory() const { return run_directory_.get(); }
  [[nodiscard]] const std::filesystem::path& run_path() const { return run_path_; }

 private:
  UniqueFd before_;
  UniqueFd client_;
  UniqueFd host_;
  std::filesystem::path run_path_;
  UniqueFd run_directory_;
};

/// Asks again until it is true or the time is up.
bool becomes(const std::function<bool()>& condition,
             std::chrono::milliseconds time = std::chrono::seconds(4));

/// A process that carries out `work` and then does nothing until it is killed. Unless unawaited, it
/// is_ready() when `work` was done and returned true.
class Victim {
 public:
  enum class Start { awaited, unawaited };
  explicit Victim(const std::function<bool()>& work, Start start = Start::awaited);
  ~Victim() { kill(); }
  [[nodiscard]] bool is_ready() const { return is_ready_; }
  void signal(int number) const;
  void kill();

 private:
  int pid_ = -1;
  bool is_ready_ = false;
};

/// A firewall as Debian's example has it: everything is dropped but answers, and what a test adds.
inline constexpr char kFirewall[] = R"(
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname "lo" accept
    meta l4proto ipv6-icmp accept
  }
}
)";

/// What an earlier broker left is undone; a failure fails the test.
std::unique_ptr<Leases> prepared(const Lab& lab, std::vector<OpeningEntry> entries);
std::uint64_t opened(Leases& leases, const OpeningEntry& entry, std::uint32_t seconds = 0);
/// Closes it and has what is left of it removed.
void closed(Leases& leases, std::uint64_t lease);
/// The sentence; the reason must be `conflict` and the line that of the policy.
std::string refused(Leases& leases, const OpeningEntry& entry, unsigned line);

/// A table with one base chain, as nft reads it. `where` is "inet filter input", `base` what follows `type`.
std::string base_chain(const std::string& where, const std::string& base, const std::string& rules = "");

OpeningEntry http_entry();      // 80 to :8080, gate inet filter input, 60 s
OpeningEntry loopback_entry();  // 80 to 127.0.0.1:8080

}  // namespace certlatch
