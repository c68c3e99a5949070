// SPDX-License-Identifier: MIT
#include "worker/dns/provider.h"

#include <algorithm>

#include "worker/dns/acme_dns.h"
#include "worker/dns/cloudflare.h"
#include "worker/keeper/secret_file.h"

namespace certlatch {

Result<std::unique_ptr<Provider>> provider_for(const UseApi& api) {
  auto secret = read_secret_file(api.secret_file);
  if (!secret) return fail(secret.error());
  if (api.kind == ApiKind::acme_dns) {
    auto provider = AcmeDns::from(api.url, api.roots, *secret);
    if (!provider) return fail(provider.error().in(api.secret_file));
    return provider;
  }
  const auto token = secret->text();
  if (!std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; }))
    return fail(Error::invalid(api.secret_file + " is not an API token: one line, without blanks"));
  return std::unique_ptr<Provider>(
      std::make_unique<Cloudflare>(api.url, api.roots, std::move(*secret), api.zone));
}

}  // namespace certlatch
