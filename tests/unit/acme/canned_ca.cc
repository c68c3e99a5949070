// SPDX-License-Identifier: MIT
#include "tests/unit/acme/canned_ca.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "worker/keeper/csr.h"
#include "worker/keeper/openssl_types.h"

using namespace certlatch;

AcmeAnswer CannedCa::run(OrderFlow& flow) {
  for (int i = 0; i < 10'000; ++i) {
    if (auto event = flow.take_event()) return std::move(*event);
    const auto wanted = flow.wanted(now);
    for (const auto& [ticket, request] : wanted) {
      requests.push_back(request);
      auto& queue = answers[request.url];
      if (queue.empty()) FAIL("no answer for " << request.url);
      const HttpResponse answer = queue.front();
      if (queue.size() > 1) queue.pop_front();
      flow.answer(ticket, answer, now);
    }
    if (!wanted.empty()) continue;
    if (auto event = flow.take_event()) return std::move(*event);
    const auto wake = flow.wake();
    REQUIRE(wake);
    REQUIRE(*wake > now);
    now = *wake;
  }
  FAIL("the flow does not end");
  return {};
}

std::size_t CannedCa::times_asked(const std::string& url) const {
  return static_cast<std::size_t>(std::ranges::count(requests, url, &CaRequest::url));
}

Json order_json(const std::string& status, const std::vector<std::string>& names) {
  Json json{{"status", status},
            {"identifiers", Json::array()},
            {"authorizations", Json::array()},
            {"finalize", "https://ca.test/finalize"}};
  for (const auto& name : names) {
    json["identifiers"].push_back({{"type", "dns"}, {"value", name}});
    json["authorizations"].push_back("https://ca.test/authz/" + name);
  }
  if (status == "valid") json["certificate"] = "https://ca.test/certificate";
  return json;
}

Json authorization_json(const std::string& status, const std::string& name) {
  const std::string challenge_status = status == "valid" || status == "invalid" ? status : "pending";
  return {{"status", status},
          {"identifier", {{"type", "dns"}, {"value", name}}},
          {"challenges",
           {{{"type", "dns-01"},
             {"url", "https://ca.test/dns/" + name},
             {"token", "t"},
             {"status", challenge_status}},
            {{"type", "http-01"},
             {"url", "https://ca.test/challenge/" + name},
             {"token", "token-of-" + name.substr(0, name.find('.'))},
             {"status", challenge_status}}}}};
}

namespace {

using Certificate = std::unique_ptr<X509, OpensslDeleter<X509_free>>;

const PrivateKey& leaf_key() {
  static const PrivateKey key(EVP_EC_gen("P-256"));
  return key;
}

void add_extension(X509* to, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  REQUIRE(extension != nullptr);
  X509_add_ext(to, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate certificate_of(const PrivateKey& key, const std::string& name, long serial) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

}  // namespace

const std::string& canned_csr() {
  static const std::string csr = make_csr(leaf_key(), {"a.test"}).value();
  return csr;
}

std::string certificate_pem(const std::vector<std::string>& names, const std::string& root) {
  const PrivateKey root_key(EVP_EC_gen("P-256"));
  const auto above = certificate_of(root_key, root, 1);
  X509_set_issuer_name(above.get(), X509_get_subject_name(above.get()));
  add_extension(above.get(), above.get(), NID_subject_key_identifier, "hash");
  REQUIRE(X509_sign(above.get(), root_key.get(), EVP_sha256()) > 0);
  const auto leaf = certificate_of(leaf_key(), names.front(), 0x80);
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(above.get()));
  std::string alternative;
  for (const auto& name : names)
    alternative += fmt::format("{}{}:{}", alternative.empty() ? "" : ",",
                               name.find_first_not_of("0123456789.") == name.npos ? "IP" : "DNS", name);
  add_extension(leaf.get(), above.get(), NID_subject_alt_name, alternative);
  add_extension(leaf.get(), above.get(), NID_authority_key_identifier, "keyid:always");
  REQUIRE(X509_sign(leaf.get(), root_key.get(), EVP_sha256()) > 0);
  const Bio out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_X509(out.get(), leaf.get()) == 1);
  REQUIRE(PEM_write_bio_X509(out.get(), above.get()) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

CannedCa good_ca(const std::vector<std::string>& names) {
  CannedCa ca;
  ca.will_answer(kNewOrder, 201, order_json("pending", names), kOrder);
  for (const auto& name : names) {
    ca.will_answer(authz(name), 200, authorization_json("pending", name));
    ca.will_answer(authz(name), 200, authorization_json("pending", name));
    ca.will_answer(authz(name), 200, authorization_json("valid", name));
    ca.will_answer(challenge(name), 200, {{"status", "pending"}});
  }
  ca.will_answer(kFinalize, 200, order_json("processing", names));
  ca.will_answer(kOrder, 200, order_json("processing", names));
  ca.will_answer(kOrder, 200, order_json("valid", names));
  ca.answers[kCertificate].push_back(CannedCa::response(200, certificate_pem(names)));
  return ca;
}

OrderFlow flow_for(std::vector<std::string> names, std::string order_url, CaTerms terms) {
  terms.new_order = kNewOrder;
  return OrderFlow(PlaceOrder{5, "ca", std::move(names), std::move(order_url)}, terms);
}

OrderFailed failure(CannedCa& ca, OrderFlow& flow) {
  auto failed = ended<OrderFailed>(ca.run(flow));
  CHECK(failed.id == 5);
  CHECK(flow.wanted(ca.now).empty());
  CHECK_FALSE(flow.wake());
  return failed;
}
