// SPDX-License-Identifier: MIT
#include "worker/dns/cloudflare.h"

#include <fmt/format.h>

#include <algorithm>

namespace certlatch {
namespace {

constexpr int kTtl = 60;  // the least that every plan has
constexpr std::int64_t kIdenticalRecordExists = 81058;

/// Identifiers become parts of a URL.
bool is_identifier(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") ==
             text.npos;
}

/// Both ways are accepted, and this is how the API gives it back.
std::string content_of(const UpdateRecord& record) { return "\"" + record.value + "\""; }

const nlohmann::json* list_in(const nlohmann::json& object, const char* member) {
  const auto found = object.find(member);
  return found == object.end() || !found->is_array() ? nullptr : &*found;
}

std::string errors_in(const nlohmann::json& answer) {
  std::string text;
  constexpr std::size_t kMost = 3;
  const auto* errors = list_in(answer, "errors");
  for (std::size_t i = 0; errors != nullptr && i < std::min(errors->size(), kMost); ++i) {
    const auto& error = (*errors)[i];
    const auto code = error.is_object() ? error.find("code") : error.end();
    text += fmt::format("{}{} ({})", text.empty() ? "" : "; ", shown(text_of(error, "message")),
                        code != error.end() && code->is_number_integer() ? code->get<std::int64_t>() : 0);
  }
  return text.empty() ? "it gives no reason" : text;
}

bool has_error(const nlohmann::json& answer, std::int64_t code) {
  const auto* errors = list_in(answer, "errors");
  return errors != nullptr && std::ranges::any_of(*errors, [&](const nlohmann::json& error) {
           return error.is_object() && error.contains("code") && error["code"] == code;
         });
}

}  // namespace

Result<nlohmann::json> Cloudflare::ask(const char* method, const std::string& path, const std::string& body,
                                       Deadline deadline) {
  const auto answer =
      api_.send(method, path, {"Authorization: Bearer " + std::string(token_.text())}, body, deadline);
  if (!answer) return fail(answer.error());
  const auto& json = answer->json;
  const bool is_done =
      answer->status < 300 && json.is_object() && json.value("success", nlohmann::json()) == true;
  is_there_already_ = json.is_object() && has_error(json, kIdenticalRecordExists);
  if (is_done) return json;
  const auto said = json.is_object() ? errors_in(json) : "it does not say why";
  if (answer->status == 401 || answer->status == 403)
    return fail(Error::refused(fmt::format(
        "Cloudflare does not accept the token: {}; it needs the permissions Zone:Read and DNS:Edit", said)));
  if (answer->status == 429) return fail(Error::refused("Cloudflare has had too many requests: " + said));
  return fail(Error::refused(fmt::format("Cloudflare refuses ({}): {}", answer->status, said)));
}

Result<std::string> Cloudflare::zone_of(const std::string& name, Deadline deadline) {
  std::string candidate = zone_.empty() ? name : zone_;
  for (;;) {
    if (!zones_.contains(candidate)) {
      const auto answer = ask("GET", "/zones?name=" + escaped(candidate), "", deadline);
      if (!answer) return fail(answer.error());
      const auto* zones = list_in(*answer, "result");
      if (zones == nullptr)
        return fail(Error::invalid("Cloudflare's answer about zones has no list of them"));
      const auto found = std::ranges::find_if(
          *zones, [&](const nlohmann::json& zone) { return text_of(zone, "name") == candidate; });
      const auto id = found == zones->end() ? std::string() : text_of(*found, "id");
      if (!id.empty() && !is_identifier(id))
        return fail(Error::invalid("Cloudflare's zone has an unusable id"));
      zones_[candidate] = id;
    }
    if (const auto& id = zones_[candidate]; !id.empty()) return id;
    const auto dot = candidate.find('.');
    // A domain of the top has no zone there.
    if (!zone_.empty() || dot == candidate.npos || candidate.find('.', dot + 1) == candidate.npos)
      return fail(Error::refused(fmt::format("Cloudflare has no zone {} that the token may see",
                                             zone_.empty() ? "for " + name : zone_)));
    candidate.erase(0, dot + 1);
  }
}

Result<std::string> Cloudflare::find_record(const std::string& zone, const UpdateRecord& record,
                                            Deadline deadline) {
  const auto answer = ask(
      "GET", fmt::format("/zones/{}/dns_records?type=TXT&name={}", zone, escaped(record.name)), "", deadline);
  if (!answer) return fail(answer.error());
  const auto* records = list_in(*answer, "result");
  if (records == nullptr)
    return fail(Error::invalid("Cloudflare's answer about records has no list of them"));
  for (const auto& one : *records) {
    const auto content = text_of(one, "content"), id = text_of(one, "id");
    if ((content == record.value || content == content_of(record)) && is_identifier(id)) return id;
  }
  return std::string();
}

Result<void> Cloudflare::add(const std::string& zone, const UpdateRecord& record, Deadline deadline) {
  const nlohmann::json body = {
      {"type", "TXT"}, {"name", record.name}, {"content", content_of(record)}, {"ttl", kTtl}};
  const auto answer = ask("POST", fmt::format("/zones/{}/dns_records", zone), body.dump(), deadline);
  // Left there by a run that was killed, or put there by one whose connection broke off.
  if (!answer && !is_there_already_) return fail(answer.error());
  return {};
}

Result<void> Cloudflare::remove(const std::string& zone, const UpdateRecord& record, Deadline deadline) {
  const auto id = find_record(zone, record, deadline);
  if (!id) return fail(id.error());
  if (id->empty()) return {};
  const auto answer = ask("DELETE", fmt::format("/zones/{}/dns_records/{}", zone, *id), "", deadline);
  return answer ? Result<void>() : fail(answer.error());
}

Result<void> Cloudflare::change(const UpdateRecord& record, Deadline deadline) {
  const auto zone = zone_of(record.name.substr(record.name.find('.') + 1), deadline);
  if (!zone) return fail(zone.error());
  return record.is_added ? add(*zone, record, deadline) : remove(*zone, record, deadline);
}

}  // namespace certlatch
