// SPDX-License-Identifier: MIT
// Link headers (RFC 8288), as far as ACME uses them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace certlatch {

/// The targets of those links whose relation is `relation`, in the order of the headers and absolute: they
/// are relative to `base`, which has sent them. What is not understood is left out.
[[nodiscard]] std::vector<std::string> links_to(std::string_view relation,
                                                const std::vector<std::string>& headers,
                                                const std::string& base);

}  // namespace certlatch
