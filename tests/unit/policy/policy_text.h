// SPDX-License-Identifier: MIT
// A sound policy, and ways to break one line of it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "policy/policy.h"

namespace certlatch {

/// Line by line, so that a test can name them: 1 to 3 [broker], 4 to 9 [open http], 10 to 15 [install
/// example.org], 16 to 18 [service nginx].
inline constexpr std::string_view kSoundPolicy =
    "[broker]\n"                                    // 1
    "worker = certlatch\n"                          // 2
    "audit = /var/log/certlatch/audit.log\n"        // 3
    "[open http]\n"                                 // 4
    "port = 80\n"                                   // 5
    "to = :8080\n"                                  // 6
    "interface = eth0\n"                            // 7
    "gate = inet filter input\n"                    // 8
    "at most = 2m\n"                                // 9
    "[install example.org]\n"                       // 10
    "names = example.org *.example.org\n"           // 11
    "directory = /etc/ssl/certlatch/example.org\n"  // 12
    "owner = root:ssl-cert\n"                       // 13
    "mode = 0640\n"                                 // 14
    "services = nginx\n"                            // 15
    "[service nginx]\n"                             // 16
    "reload = nginx.service\n"                      // 17
    "check = /usr/sbin/nginx -t\n";                 // 18

/// The sound policy with its line `number` replaced (by nothing: an empty line, so that the others keep their
/// numbers).
inline std::string with_line(unsigned number, std::string_view replacement,
                             std::string_view text = kSoundPolicy) {
  std::string result;
  for (unsigned line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    result += line == number ? std::string(replacement) + "\n" : std::string(text.substr(0, end));
    text.remove_prefix(end);
  }
  return result;
}

/// The sound policy with lines added at its end: the first of them is line 19.
inline std::string with_more(std::string_view lines) {
  return std::string(kSoundPolicy) + std::string(lines);
}

/// All faults, a line each; empty when the policy is sound.
inline std::string faults_of(std::string_view text) {
  const auto policy = read_policy(text, "p");
  if (policy) return "";
  std::string all;
  for (const Fault& fault : policy.error()) all += fault.text() + "\n";
  return all;
}

inline Policy sound(std::string_view text = kSoundPolicy) { return read_policy(text, "p").value(); }

}  // namespace certlatch
