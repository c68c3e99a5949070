// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "worker/doctor/examine.h"

namespace certlatch {
namespace {

using Json = nlohmann::json;

/// What is not there, or is something else, is as good as empty: another version may have written it.
std::string text_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}
bool is_true_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}
Json list_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : Json::array();
}

bool is_needed(const Config& config, const std::string& opening) {
  return !opening.empty() && std::ranges::find(config.certificates, opening, &CertificateConfig::opening) !=
                                 config.certificates.end();
}

void judge(const Json& opening, const std::string& name, Findings& findings) {
  const auto about = "opening " + name;
  const auto misfits = list_in(opening, "misfits");
  for (const Json& misfit : misfits)
    findings.push_back({is_true_in(misfit, "certain") ? Verdict::bad : Verdict::doubtful, about,
                        text_in(misfit, "sentence"), text_in(misfit, "remedy")});
  if (misfits.empty())
    findings.push_back({Verdict::good, about, "the ruleset in force lets its connections through", ""});
}

}  // namespace

void examine_ruleset(const Config& config, const Result<std::string>& said, Findings& findings) {
  const auto unknown = [&](const std::string& why) {
    findings.push_back({Verdict::doubtful, "firewall",
                        "whether it lets the openings' connections through could not be found out: " + why,
                        "`sudo certlatch-policy check --ruleset`"});
  };
  if (!said) return unknown(said.error().message);
  const auto all = Json::parse(*said, nullptr, false);
  if (!all.is_object()) return unknown("certlatch-policy says nothing that is understood");
  for (const Json& fault : list_in(all, "faults"))
    findings.push_back({Verdict::bad, "policy",
                        fmt::format("{}: {}", text_in(all, "policy"), text_in(fault, "sentence")),
                        "`certlatch-policy check` names the line"});
  if (!is_true_in(all, "sound")) return;
  if (const auto trouble = text_in(all, "trouble"); !trouble.empty()) return unknown(trouble);
  for (const Json& opening : list_in(all, "openings"))
    if (const auto name = text_in(opening, "opening"); is_needed(config, name))
      judge(opening, name, findings);
}

void say_that_root_sees_the_ruleset(const Config& config, Findings& findings) {
  const bool is_any = std::ranges::any_of(
      config.certificates, [](const CertificateConfig& certificate) { return !certificate.opening.empty(); });
  if (is_any)
    findings.push_back({Verdict::doubtful, "firewall",
                        "whether it lets the openings' connections through, only root can see",
                        "sudo certlatch doctor"});
}

}  // namespace certlatch
