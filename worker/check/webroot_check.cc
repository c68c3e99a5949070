// SPDX-License-Identifier: MIT
#include "worker/check/webroot_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "worker/check/local_exchange.h"
#include "worker/state/replace_file.h"

namespace certlatch {
namespace {

constexpr std::chrono::milliseconds kTime{250};
constexpr std::size_t kMostBytes = 1024;
constexpr std::size_t kMostOfALine = 60;

/// "404 Not Found"
std::string status_of(const std::string& answer) {
  const auto begin = answer.find(' ');
  if (!answer.starts_with("HTTP/1.") || begin == answer.npos) return "no HTTP";
  auto line = answer.substr(begin + 1, std::min(answer.find('\r'), kMostOfALine) - begin - 1);
  std::ranges::replace_if(
      line, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return line;
}

/// Empty when it shows the file, sends the CA elsewhere, or does not answer.
std::string doubt_about_server(const std::string& address, const std::string& name, const std::string& token,
                               const std::string& key_authorization) {
  const Deadline deadline = in(kTime);
  const auto fd = connect_to(address, 80, deadline);
  const auto answer = fd.is_open()
                          ? exchange(fd.get(), challenge_request(name, token), key_authorization, deadline)
                          : std::nullopt;
  if (!answer) return {};
  const auto status = status_of(*answer);
  if (status.starts_with('3') || (status.starts_with("200") && answer->ends_with(key_authorization)))
    return {};
  return fmt::format(
      "the web server at {} answers {} for the challenge of {}: does it show that directory for this name?",
      address, status.starts_with("200") ? "something else" : "`" + status + "`", name);
}

}  // namespace

Result<void> check_challenge_file(const std::string& webroot, const std::string& token,
                                  const std::string& key_authorization) {
  const auto path = fmt::format("{}/.well-known/acme-challenge/{}", webroot, token);
  const auto text = read_file(AT_FDCWD, path, kMostBytes, path);
  if (!text) return fail(text.error());
  if (!*text || **text != key_authorization)
    return fail(Error::conflict(path + " was written, and is not there, or is another file"));
  return {};
}

std::vector<std::string> doubts_about_webroot(const std::string& webroot, const std::string& token,
                                              const std::string& key_authorization, const NameAddresses& name,
                                              const std::set<std::string>& own) {
  std::vector<std::string> doubts;
  std::string path = webroot;
  for (const char* below : {"", "/.well-known", "/acme-challenge"}) {
    path += below;
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 011) == 0)
      doubts.push_back(fmt::format("{} lets only its owner in (mode {:04o}): can the web server read there?",
                                   path, status.st_mode & 07777));
  }
  for (const auto& address : name.addresses) {
    if (!own.contains(address)) continue;
    if (auto doubt = doubt_about_server(address, name.name, token, key_authorization); !doubt.empty())
      doubts.push_back(std::move(doubt));
  }
  return doubts;
}

}  // namespace certlatch
