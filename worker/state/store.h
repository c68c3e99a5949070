// SPDX-License-Identifier: MIT
// The worker's state directory: what one run leaves for the next. Nobody else may read it. Private keys in it
// are the keeper's business alone.
//
//   accounts/CA/account           the account's URL            accounts/CA/key.pem        (keeper)
//   accounts/CA/history           ca_history.h
//   certificates/NAME/state       certificate_state.h          certificates/NAME/privkey.pem (keeper)
//   certificates/NAME/chain.pem   what the CA sent             lock
//   settled                       settled.h                    statistics
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/result.h"
#include "protocol/unique_fd.h"
#include "worker/state/ca_history.h"
#include "worker/state/certificate_state.h"
#include "worker/state/statistics.h"

namespace certlatch {

class Store {
 public:
  /// Makes the directory when it is missing. Kind::refused when it belongs to someone else or others may
  /// enter it.
  [[nodiscard]] static Result<Store> open(const std::string& path);

  /// Held until the descriptor is closed. Kind::conflict when another run holds it.
  [[nodiscard]] Result<UniqueFd> lock() const;

  /// An empty state when nothing is known yet. What chain.pem says counts: when it is not the chain that the
  /// state describes, nothing counts as issued.
  [[nodiscard]] Result<CertificateState> load(const std::string& certificate) const;
  [[nodiscard]] Result<void> save(const std::string& certificate, const CertificateState& state);

  [[nodiscard]] Result<std::string> load_chain(const std::string& certificate) const;
  /// Replaces the chain; the state that describes it is saved after it.
  [[nodiscard]] Result<void> save_chain(const std::string& certificate, std::string_view chain);

  /// Empty when none is known.
  [[nodiscard]] Result<std::string> account_url(const std::string& ca) const;
  /// Whether the keeper has a key for it; what is in it is the keeper's business.
  [[nodiscard]] bool has_account_key(const std::string& ca) const;
  [[nodiscard]] Result<void> save_account_url(const std::string& ca, std::string_view url);
  /// The account is over: its key is kept as `deactivated-key.pem`, and the next run makes another.
  [[nodiscard]] Result<void> set_account_aside(const std::string& ca);

  /// What was asked of the CA lately; empty when nothing is known.
  [[nodiscard]] CaHistory ca_history(const std::string& ca) const;
  [[nodiscard]] Result<void> save_ca_history(const std::string& ca, const CaHistory& history);

  /// What is known of runs that had nothing to do (settled.h); empty when nothing is.
  [[nodiscard]] std::optional<std::string> settled() const;
  [[nodiscard]] Result<void> save_settled(std::string_view text);
  void forget_settled();

  /// When the broker was last asked about all that is installed, or 0. Nothing that goes wrong with it
  /// matters.
  [[nodiscard]] Seconds looked_over() const;
  void note_looked_over(Seconds now);
  /// The next run asks, although nothing is due.
  void look_over_next();

  [[nodiscard]] Statistics statistics() const;
  [[nodiscard]] Result<void> save_statistics(const Statistics& statistics);

  /// The names below certificates/, in the order of the alphabet.
  [[nodiscard]] std::vector<std::string> certificates() const;
  /// Removes all that is kept of a certificate, its private key included.
  [[nodiscard]] Result<void> remove(const std::string& certificate);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string accounts_directory() const { return path_ + "/accounts"; }
  [[nodiscard]] std::string certificates_directory() const { return path_ + "/certificates"; }

 private:
  Store(std::string path, UniqueFd directory) : path_(std::move(path)), directory_(std::move(directory)) {}
  /// KIND/NAME below the directory; a closed descriptor when it does not exist.
  [[nodiscard]] Result<UniqueFd> find(const std::string& place) const;
  [[nodiscard]] Result<UniqueFd> make(const std::string& kind, const std::string& name) const;
  [[nodiscard]] Result<std::optional<std::string>> read(const std::string& place, const char* file) const;
  [[nodiscard]] Result<void> write(const std::string& kind, const std::string& name, const char* file,
                                   std::string_view text) const;

  std::string path_;
  UniqueFd directory_;
};

}  // namespace certlatch
