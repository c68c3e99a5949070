// SPDX-License-Identifier: MIT
// Cloudflare's API, version 4: the zone of a name is looked up, longest first, and the record is put into it.
#pragma once

#include <map>
#include <string>

#include "protocol/secret.h"
#include "worker/dns/https_api.h"
#include "worker/dns/provider.h"

namespace certlatch {

class Cloudflare : public Provider {
 public:
  /// `token` may edit the DNS of the zones; `zone` is the name of the only one, or empty.
  Cloudflare(std::string base, std::string roots, Secret token, std::string zone)
      : api_(std::move(base), std::move(roots)), token_(std::move(token)), zone_(std::move(zone)) {}

  [[nodiscard]] Result<void> change(const UpdateRecord& record, Deadline deadline) override;

 private:
  Result<nlohmann::json> ask(const char* method, const std::string& path, const std::string& body,
                             Deadline deadline);
  /// The identifier of the zone that `name` is in.
  Result<std::string> zone_of(const std::string& name, Deadline deadline);
  Result<std::string> find_record(const std::string& zone, const UpdateRecord& record, Deadline deadline);
  Result<void> add(const std::string& zone, const UpdateRecord& record, Deadline deadline);
  Result<void> remove(const std::string& zone, const UpdateRecord& record, Deadline deadline);

  HttpsApi api_;
  Secret token_;
  std::string zone_;
  std::map<std::string, std::string> zones_;  // identifiers by name; empty for what is no zone of the token's
  bool is_there_already_ = false;             // of the last answer: the very record exists
};

}  // namespace certlatch
