// SPDX-License-Identifier: MIT
// The kinds of sections that say most, each read by itself: its keys, and their values held against each
// other.
#pragma once

#include <span>

#include "worker/state/config.h"
#include "worker/state/section_reader.h"

namespace certlatch {

extern const std::span<const KeyRule> kCaKeys;
extern const std::span<const KeyRule> kCertificateKeys;
extern const std::span<const KeyRule> kDnsKeys;

// Every fault is reported to the section; what is read then is of no use.
[[nodiscard]] CaConfig read_ca_section(const SectionReader& section);
[[nodiscard]] DnsConfig read_dns_section(const SectionReader& section);
[[nodiscard]] CertificateConfig read_certificate_section(const SectionReader& section);

/// The value of `key`, which must be an absolute path; empty when there is none.
[[nodiscard]] std::string path_of(const SectionReader& section, std::string_view key);

/// The same, or `credential:NAME` for what systemd passes to the unit (LoadCredential=).
[[nodiscard]] std::string secret_path_of(const SectionReader& section, std::string_view key);
/// The value of `key`, which must be an https URL; empty when there is none.
[[nodiscard]] std::string url_of(const SectionReader& section, std::string_view key);

enum class KeyFor : std::uint8_t { account, certificate };
[[nodiscard]] KeyType key_type_of(const SectionReader& section, std::string_view key, KeyFor purpose);

}  // namespace certlatch
