// SPDX-License-Identifier: MIT
// The TXT records of dns-01 (RFC 8555, section 8.4): put where the configuration's [dns] section says, and
// taken away again.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "worker/role/helper_process.h"
#include "worker/run/work.h"

namespace certlatch {

class DnsRecords {
 public:
  explicit DnsRecords(Run& run) : run_(run) {}
  /// Takes away what is left.
  ~DnsRecords();
  DnsRecords(const DnsRecords&) = delete;
  DnsRecords& operator=(const DnsRecords&) = delete;

  /// `name` is the identifier, a wildcard as well.
  [[nodiscard]] Result<void> put(const DnsConfig& dns, const std::string& token, const std::string& name,
                                 const std::string& key_authorization);
  /// Waits for as long as the sections of what was put for `certificate` say.
  void wait_until_known(const std::string& certificate);
  /// A failure is said, and stops nothing.
  void remove(const std::string& token);

 private:
  struct Record {
    const DnsConfig* dns = nullptr;
    std::string name;
    std::string value;
  };
  enum class Change : std::uint8_t { add, remove };
  [[nodiscard]] Result<void> change(const Record& record, Change what);
  [[nodiscard]] Result<void> update(const Record& record, Change what);

  Run& run_;
  std::map<std::string, Record> records_;         // by token
  std::map<std::string, HelperProcess> helpers_;  // by [dns] section
  std::chrono::seconds wait_{0};
};

}  // namespace certlatch
