// SPDX-License-Identifier: MIT
// What a CA sends, read as each of the things that it may be.
#include <cstdlib>
#include <string_view>

#include "worker/acme/chain_text.h"
#include "worker/acme/directory.h"
#include "worker/acme/issued_chain.h"
#include "worker/acme/link.h"
#include "worker/acme/order_objects.h"
#include "worker/acme/problem.h"
#include "worker/acme/renewal_info.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  (void)certlatch::read_order(body, "newOrder", "https://ca.test");
  (void)certlatch::read_authorization(body, "authorization", "https://ca.test", "http-01");
  if (const auto json = certlatch::parse_object(body, "problem")) {
    const auto problem = certlatch::problem_in(*json);
    if (problem.detail.size() > certlatch::kMaxProblemTextBytes ||
        problem.subproblems.size() > certlatch::kMaxSubProblems)
      std::abort();
  }
  (void)certlatch::chain_text(body);
  (void)certlatch::check_chain(body, "", {"a.test"});
  (void)certlatch::read_directory(body, "https://ca.test");
  (void)certlatch::read_renewal_info(body);
  (void)certlatch::time_from(body);
  (void)certlatch::links_to("alternate", {std::string(body)}, "https://ca.test/order/1");
  return 0;
}
