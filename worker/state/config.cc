// SPDX-License-Identifier: MIT
#include "worker/state/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "policy/ini_file.h"
#include "worker/state/config_sections.h"
#include "worker/state/host_name.h"
#include "worker/state/section_reader.h"

namespace certlatch {
namespace {

using enum KeyUse;

constexpr KeyRule kWorkerKeys[] = {{"parallel"}, {"user agent"}, {"jitter"}, {"metrics"}};

class ConfigReader {
 public:
  explicit ConfigReader(std::string_view file) : file_(file) {}

  ConfigReading read(std::string_view text) {
    if (text.size() > kMaxConfigBytes)
      return {std::nullopt,
              {{std::string(file_), 0, fmt::format("is larger than {} bytes", kMaxConfigBytes)}}};
    IniReading ini = read_ini(text, file_);
    faults_ = std::move(ini.faults);
    std::map<std::pair<std::string_view, std::string_view>, unsigned> lines;
    for (const IniSection& section : ini.sections) {
      const auto [first, is_new] = lines.try_emplace({section.kind, section.name}, section.line);
      if (!is_new)
        fault(section.line, fmt::format("this section was there already, in line {}", first->second));
      read_section(section);
    }
    check_references();
    std::ranges::stable_sort(faults_, {}, &Fault::line);
    if (!faults_.empty()) return {std::nullopt, std::move(faults_)};
    return {std::move(config_), {}};
  }

 private:
  void fault(unsigned line, std::string sentence) {
    faults_.push_back({std::string(file_), line, std::move(sentence)});
  }

  void read_section(const IniSection& section) {
    if (section.kind == "worker") {
      if (!section.name.empty()) return fault(section.line, "[worker] has no name");
      return read_worker(SectionReader(section, kWorkerKeys, file_, faults_));
    }
    if (section.kind != "ca" && section.kind != "certificate" && section.kind != "dns") {
      return fault(
          section.line,
          fmt::format(
              "[{}] is not a section; there are [worker], [ca NAME], [dns NAME] and [certificate NAME]",
              section.kind));
    }
    if (section.name.empty())
      fault(section.line, fmt::format("[{}] needs a name: [{} NAME]", section.kind, section.kind));
    else if (const auto wrong = fault_of_label(section.name); !wrong.empty())
      fault(section.line, fmt::format("the section's name {}", wrong));
    if (section.kind == "dns")
      return config_.dns_sections.push_back(
          read_dns_section(SectionReader(section, kDnsKeys, file_, faults_)));
    if (section.kind == "ca")
      return config_.cas.push_back(read_ca_section(SectionReader(section, kCaKeys, file_, faults_)));
    read_certificate(SectionReader(section, kCertificateKeys, file_, faults_));
  }

  void read_worker(const SectionReader& section) {
    config_.parallel = section.number("parallel", 1, 64, config_.parallel);
    if (const IniKey* agent = section.find("user agent")) config_.user_agent = agent->value;
    config_.jitter = section.duration("jitter", 24 * 3600);
    if (const IniKey* metrics = section.find("metrics")) {
      config_.metrics = metrics->value;
      if (!config_.metrics.starts_with('/')) section.fault(metrics->line, "`metrics` is an absolute path");
    }
  }

  void read_certificate(const SectionReader& section) {
    auto certificate = read_certificate_section(section);
    for (const Word& install : section.words("install")) claim_install(install, section);
    config_.certificates.push_back(std::move(certificate));
  }

  // Two certificates in one place would replace each other in every run.
  void claim_install(const Word& install, const SectionReader& section) {
    const auto [taken, is_new] = claimed_.try_emplace(install.text, install.line);
    if (!is_new)
      section.fault(install.line,
                    fmt::format("`install = {}` is taken already, in line {}", install.text, taken->second));
  }

  void check_references() {
    for (const auto& certificate : config_.certificates) {
      if (!certificate.dns.empty() && config_.dns(certificate.dns) == nullptr)
        fault(certificate.line,
              fmt::format("[certificate {0}] names the section `{1}`, but there is no [dns {1}]",
                          certificate.name, certificate.dns));
      for (const auto& ca : certificate.cas)
        if (config_.ca(ca) == nullptr)
          fault(certificate.line, fmt::format("[certificate {}] names the CA `{}`, but there is no [ca {}]",
                                              certificate.name, ca, ca));
    }
  }

  std::string_view file_;
  Config config_;
  std::map<std::string, unsigned> claimed_;  // install entries, and where
  std::vector<Fault> faults_;
};

}  // namespace

const CaConfig* Config::ca(std::string_view name) const {
  const auto found = std::ranges::find(cas, name, &CaConfig::name);
  return found == cas.end() ? nullptr : &*found;
}

const DnsConfig* Config::dns(std::string_view name) const {
  const auto found = std::ranges::find(dns_sections, name, &DnsConfig::name);
  return found == dns_sections.end() ? nullptr : &*found;
}

std::vector<std::string> Config::install_entries() const {
  std::set<std::string> entries;
  for (const auto& one : certificates) entries.insert(one.installs.begin(), one.installs.end());
  return {entries.begin(), entries.end()};
}

const CertificateConfig* Config::certificate(std::string_view name) const {
  const auto found = std::ranges::find(certificates, name, &CertificateConfig::name);
  return found == certificates.end() ? nullptr : &*found;
}

ConfigReading read_config(std::string_view text, std::string_view file) {
  return ConfigReader(file).read(text);
}

ConfigReading load_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxConfigBytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  // Reading a directory opens well and fails with the first byte.
  if (!file && !file.eof()) return {std::nullopt, {{path, 0, Error::system("cannot be read").message}}};
  text.resize(static_cast<std::size_t>(file.gcount()));
  return read_config(text, path);
}

}  // namespace certlatch
