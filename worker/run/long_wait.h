// SPDX-License-Identifier: MIT
// A wait of which nobody knows how long it lasts: it is said once it has lasted for some seconds, with what
// is waited for and until when at the latest.
#pragma once

#include <string>

#include "protocol/channel.h"
#include "worker/show/report.h"

namespace certlatch {

class LongWait {
 public:
  /// Begins now. `report` is borrowed.
  LongWait(Report& report, std::string of, std::string what, Deadline until);
  LongWait(const LongWait&) = delete;
  LongWait& operator=(const LongWait&) = delete;
  /// It is over.
  ~LongWait();

  /// When tell() has something to say, for poll(2); `other` when that comes first.
  [[nodiscard]] Deadline or_sooner(Deadline other) const;
  /// Says it when it is time to, and once.
  void tell();

 private:
  Report& report_;
  std::string of_, what_;
  Deadline until_, tells_at_;
  bool is_told_ = false;
};

}  // namespace certlatch
