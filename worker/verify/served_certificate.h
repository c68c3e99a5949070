// SPDX-License-Identifier: MIT
// The certificate that a server shows, over TLS at once or after STARTTLS.
#pragma once

#include <memory>
#include <string>

#include "protocol/channel.h"
#include "protocol/result.h"
#include "worker/keeper/openssl_types.h"
#include "worker/verify/messages.h"

namespace certlatch {

using Certificate = std::unique_ptr<X509, OpensslDeleter<X509_free>>;

/// The first one of a PEM text.
[[nodiscard]] Result<Certificate> first_certificate(std::string_view pem);

/// Connects and looks; nothing is said beyond the handshake, and whether the certificate is any good is not
/// judged. Each address of the host is tried.
[[nodiscard]] Result<Certificate> served_certificate(const CompareServed& where, Deadline deadline);

/// The same for a handshake of tls-alpn-01. Kind::system when there is no such address or port.
[[nodiscard]] Result<Certificate> challenge_certificate(const CompareChallenge& where, Deadline deadline);

/// What is served instead of `wanted`, with what is likely to be the matter; printable ASCII.
[[nodiscard]] std::string difference_text(X509& served, X509& wanted, const std::string& name);

}  // namespace certlatch
