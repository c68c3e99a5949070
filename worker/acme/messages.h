// SPDX-License-Identifier: MIT
// What the main process asks of the acme process, and what it hears back. Orders run side by side: every
// answer carries the id that the main process chose for its order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace certlatch {

// ---- main process -> acme

enum class ChallengeType : std::uint8_t { http_01, tls_alpn_01, dns_01 };
constexpr ChallengeType last_of(ChallengeType) { return ChallengeType::dns_01; }
/// As ACME calls it.
constexpr std::string_view text_of(ChallengeType type) {
  return type == ChallengeType::dns_01        ? "dns-01"
         : type == ChallengeType::tls_alpn_01 ? "tls-alpn-01"
                                              : "http-01";
}

struct CaSettings {
  std::string name;                  // the [ca] section's
  std::string directory;             // URL
  std::string roots;                 // PEM file for the CA's own HTTPS, or empty for the system's
  std::vector<std::string> contact;  // addresses without "mailto:"
  bool agree = false;                // to the terms of service
  std::string account_url;           // empty: find it or create the account
  std::string proxy;
  std::string preferred_chain;  // the common name of the root that chains should lead to; empty: any
  std::string eab_kid;          // external account binding; empty: none. The key is the keeper's.
  bool makes_account = true;    // false: an account that does not exist yet is an error
  void serialize(auto& archive) {
    archive(name, directory, roots, contact, agree, account_url, proxy, preferred_chain, eab_kid,
            makes_account);
  }
};

/// The first message. The process confines itself on reading it: the roots' files, resolver files, outgoing
/// TCP.
struct AcmeStart {
  static constexpr std::uint8_t kTag = 1;
  std::vector<CaSettings> cas;
  std::string user_agent;
  std::uint32_t parallel = 8;  // orders with a request under way at once
  void serialize(auto& archive) { archive(cas, user_agent, parallel); }
};

/// newOrder, then every authorization. Answered by OrderReady or OrderFailed.
struct PlaceOrder {
  static constexpr std::uint8_t kTag = 2;
  std::uint32_t id = 0;
  std::string ca;
  std::vector<std::string> names;
  std::string order_url;  // of an earlier run's unfinished order, tried first; empty: a new order
  ChallengeType challenge = ChallengeType::http_01;
  std::string profile;  // empty: the CA's default
  bool profile_is_required = false;
  std::string replaces;  // the renewal id of the certificate that this one takes the place of, or empty
  std::string csr;  // of a request made elsewhere, DER, to be looked at before anything is asked; or empty
  void serialize(auto& archive) {
    archive(id, ca, names, order_url, challenge, profile, profile_is_required, replaces, csr);
  }
};

/// The challenges are answered for: tell the CA, and poll until each authorization is decided.
/// Answered by Validated or OrderFailed.
struct Validate {
  static constexpr std::uint8_t kTag = 3;
  std::uint32_t id = 0;
  void serialize(auto& archive) { archive(id); }
};

/// Answered by Issued or OrderFailed.
struct Finalize {
  static constexpr std::uint8_t kTag = 4;
  std::uint32_t id = 0;
  std::string csr;  // PKCS #10, DER
  void serialize(auto& archive) { archive(id, csr); }
};

enum class AccountAction : std::uint8_t { show, update, deactivate, roll_over };
constexpr AccountAction last_of(AccountAction) { return AccountAction::roll_over; }

/// Something about the account itself. Before a roll-over the keeper must have been told of the next key.
/// Answered by AccountShown or OrderFailed.
struct AccountTask {
  static constexpr std::uint8_t kTag = 5;
  std::uint32_t id = 0;
  std::string ca;
  AccountAction action = AccountAction::show;
  bool goes_on = false;  // with a roll-over that was interrupted: the CA may know the next key already
  void serialize(auto& archive) { archive(id, ca, action, goes_on); }
};

/// Answered by Revoked or OrderFailed.
struct Revoke {
  static constexpr std::uint8_t kTag = 6;
  std::uint32_t id = 0;
  std::string ca;
  std::string chain;                // PEM; its first certificate is the one
  std::uint8_t reason = 0;          // RFC 5280, section 5.3.1
  bool by_certificate_key = false;  // instead of the account's; the keeper must have been told of it
  void serialize(auto& archive) { archive(id, ca, chain, reason, by_certificate_key); }
};

/// When should it be renewed (RFC 9773)? Answered by RenewalInfo, always.
struct AskRenewalInfo {
  static constexpr std::uint8_t kTag = 7;
  std::uint32_t id = 0;
  std::string ca;
  std::string renewal_id;
  void serialize(auto& archive) { archive(id, ca, renewal_id); }
};

/// What is in a chain that another client got? Nobody is asked. Answered by ChainRead or OrderFailed.
struct ReadChain {
  static constexpr std::uint8_t kTag = 8;
  std::uint32_t id = 0;
  std::string chain;  // PEM, the leaf first
  void serialize(auto& archive) { archive(id, chain); }
};

/// Is the CA there, and what does it say of itself? Answered by DirectoryShown or OrderFailed.
struct AskDirectory {
  static constexpr std::uint8_t kTag = 9;
  std::uint32_t id = 0;
  std::string ca;
  void serialize(auto& archive) { archive(id, ca); }
};

/// What the CA holds to be proven of these names is to be proven again. Answered by AuthorizationsEnded or
/// OrderFailed.
struct EndAuthorizations {
  static constexpr std::uint8_t kTag = 10;
  std::uint32_t id = 0;
  std::string ca;
  std::vector<std::string> names;
  void serialize(auto& archive) { archive(id, ca, names); }
};

using AcmeOrder = std::variant<AcmeStart, PlaceOrder, Validate, Finalize, AccountTask, Revoke, AskRenewalInfo,
                               ReadChain, AskDirectory, EndAuthorizations>;

// ---- acme -> main process

/// The account that orders of this CA now belong to; said once for each CA, before its first OrderReady, and
/// again when the CA turns out to have forgotten the account of an earlier run.
struct AccountKnown {
  static constexpr std::uint8_t kTag = 0x81;
  std::string ca;
  std::string account_url;
  void serialize(auto& archive) { archive(ca, account_url); }
};

struct HttpChallenge {
  std::string name;   // the identifier
  std::string token;  // checked: base64url characters only, 1 to 128 of them
  void serialize(auto& archive) { archive(name, token); }
};

struct OrderReady {
  static constexpr std::uint8_t kTag = 0x82;
  std::uint32_t id = 0;
  std::string order_url;
  std::vector<HttpChallenge> challenges;  // those still pending; none: go on with Finalize
  void serialize(auto& archive) { archive(id, order_url, challenges); }
};

struct Validated {
  static constexpr std::uint8_t kTag = 0x83;
  std::uint32_t id = 0;
  void serialize(auto& archive) { archive(id); }
};

struct Issued {
  static constexpr std::uint8_t kTag = 0x84;
  std::uint32_t id = 0;
  std::string chain;  // PEM as the CA sent it, the leaf first
  // Of the leaf (issued_chain.h). Read here rather than in the keeper: whoever parses what the network sent
  // holds no key.
  std::int64_t not_before = 0;  // seconds since 1970
  std::int64_t not_after = 0;
  std::string renewal_id;
  std::string remark;  // for a person: what of the configuration's wishes the CA does not have; or empty
  void serialize(auto& archive) { archive(id, chain, not_before, not_after, renewal_id, remark); }
};

struct SubProblem {
  std::string name;  // the identifier, or empty
  std::string type;
  std::string detail;
  void serialize(auto& archive) { archive(name, type, detail); }
};

/// Everything a person needs to know: what was tried, and what the CA said (RFC 8555, section 6.7), if it
/// spoke.
struct OrderFailed {
  static constexpr std::uint8_t kTag = 0x85;
  std::uint32_t id = 0;
  std::string sentence;  // "finalize: the CA refuses the request"; printable, bounded
  std::string type;      // "urn:ietf:params:acme:error:rejectedIdentifier", or empty
  std::string detail;
  std::vector<SubProblem> subproblems;
  bool order_is_lost = true;               // false: the same order may be gone on with by a later run
  std::vector<std::string> invalid_names;  // that the CA has tried to validate, in vain
  std::uint32_t retry_after = 0;  // seconds for which the CA wants to be left alone; 0: it does not say
  void serialize(auto& archive) {
    archive(id, sentence, type, detail, subproblems, order_is_lost, invalid_names, retry_after);
  }
};

/// For `--verbose`: one request to the CA, as it happened.
struct Spoke {
  static constexpr std::uint8_t kTag = 0x86;
  std::string line;  // "POST https://... 201 (34 ms)"
  void serialize(auto& archive) { archive(line); }
};

struct AccountShown {
  static constexpr std::uint8_t kTag = 0x87;
  std::uint32_t id = 0;
  std::string url;
  std::string status;                // printable, as all that follows
  std::vector<std::string> contact;  // as the CA has it: "mailto:admin@example.org"
  std::string terms;                 // the CA's terms of service, or empty
  void serialize(auto& archive) { archive(id, url, status, contact, terms); }
};

struct Revoked {
  static constexpr std::uint8_t kTag = 0x88;
  std::uint32_t id = 0;
  bool was_already = false;
  void serialize(auto& archive) { archive(id, was_already); }
};

struct RenewalInfo {
  static constexpr std::uint8_t kTag = 0x89;
  std::uint32_t id = 0;
  std::int64_t start = 0;  // of the suggested window, seconds since 1970; 0: there is none
  std::int64_t end = 0;
  std::uint32_t retry_after = 0;  // seconds; when to ask again, 0: the CA does not say
  std::string explanation;        // a URL, or empty
  std::string sentence;           // why there is no window; empty when the CA does not offer any
  void serialize(auto& archive) { archive(id, start, end, retry_after, explanation, sentence); }
};

struct ChainRead {
  static constexpr std::uint8_t kTag = 0x8a;
  std::uint32_t id = 0;
  std::string chain;  // with nothing but its certificates, and a newline at the end of every line
  std::vector<std::string> names;  // of the leaf, canonical
  std::int64_t not_before = 0;     // seconds since 1970
  std::int64_t not_after = 0;
  std::string renewal_id;
  std::string public_key;  // of the leaf: SubjectPublicKeyInfo, DER
  void serialize(auto& archive) { archive(id, chain, names, not_before, not_after, renewal_id, public_key); }
};

struct DirectoryShown {
  static constexpr std::uint8_t kTag = 0x8b;
  std::uint32_t id = 0;
  std::string terms;  // where they are to be read, or empty; printable, as all that follows
  std::vector<std::string> caa_identities;  // what CAA records call the CA
  bool wants_eab = false;
  std::int64_t time = 0;  // the CA's, seconds since 1970; 0: it does not say
  void serialize(auto& archive) { archive(id, terms, caa_identities, wants_eab, time); }
};

/// What an order is going through, or what a CA lets all of its orders wait for: for a person who looks on.
struct Progress {
  static constexpr std::uint8_t kTag = 0x8c;
  std::uint32_t id = 0;
  std::string ca;             // of the CA, not of an order, unless this is empty
  std::string what;           // "waits for the CA's decision on example.org"; printable, bounded
  std::uint32_t seconds = 0;  // at most so long, from now; 0: no time to speak of
  bool is_wait = false;       // for something that takes its time
  void serialize(auto& archive) { archive(id, ca, what, seconds, is_wait); }
};

struct AuthorizationsEnded {
  static constexpr std::uint8_t kTag = 0x8d;
  std::uint32_t id = 0;
  std::uint32_t count = 0;
  void serialize(auto& archive) { archive(id, count); }
};

using AcmeAnswer =
    std::variant<AccountKnown, OrderReady, Validated, Issued, OrderFailed, Spoke, AccountShown, Revoked,
                 RenewalInfo, ChainRead, DirectoryShown, Progress, AuthorizationsEnded>;

}  // namespace certlatch
