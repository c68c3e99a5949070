// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "worker/doctor/examine.h"

namespace certlatch {
namespace {

bool may(const std::string& path, int how) {
  return ::faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0;
}

/// One certificate's, or one [dns]'s.
class Files {
 public:
  Files(std::string about, Findings& findings) : about_(std::move(about)), findings_(findings) {}
  ~Files() {
    if (has_any_ && is_whole_)
      findings_.push_back({Verdict::good, about_, "the files and programs that it names can be used", ""});
  }
  Files(const Files&) = delete;

  void look_at_webroot(const std::string& webroot) {
    has_any_ = true;
    std::string path = webroot;
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
      return say(Error::system("`webroot` " + path).message,
                 fmt::format("is it the directory that the web server shows on port 80?"));
    // The deepest that is there is where the run makes the next.
    for (const char* below : {"/.well-known", "/acme-challenge"}) {
      if (::lstat((path + below).c_str(), &status) != 0) {
        if (errno != ENOENT) return cannot(path + below);
        break;
      }
      path += below;
      if (!S_ISDIR(status.st_mode))
        return say(path + " is no directory: a link is not followed there", "make it a directory");
    }
    if (!may(path, W_OK | X_OK)) cannot(path);
  }

  void look_at_program(std::string_view key, const std::vector<std::string>& command) {
    if (command.empty()) return;
    has_any_ = true;
    const auto& program = command.front();
    struct stat status {};
    const auto what = fmt::format("`{}`: {}", key, program);
    if (::stat(program.c_str(), &status) != 0)
      return say(Error::system(what).message, "write the program's absolute path");
    if (!S_ISREG(status.st_mode)) return say(what + " is no program", "write the program's absolute path");
    if (!may(program, X_OK)) say(what + " cannot be executed by the worker's user", "chmod 0755 " + program);
  }

  void look_at_secret(std::string_view key, const std::string& path) {
    if (path.empty()) return;
    has_any_ = true;
    struct stat status {};
    const auto what = fmt::format("`{}`: {}", key, path);
    if (::stat(path.c_str(), &status) != 0)
      return say(Error::system(what).message,
                 "put the credentials there, readable by the worker's user alone");
    if (!S_ISREG(status.st_mode)) return say(what + " is no file", "put the credentials into a file");
    if (!may(path, R_OK))
      return say(what + " cannot be read by the worker's user",
                 fmt::format("sudo chgrp certlatch {0}; sudo chmod 0640 {0}", path));
    if ((status.st_mode & 07) != 0)
      say(fmt::format("{} is open to everyone (mode {:04o})", what, status.st_mode & 07777),
          "chmod o= " + path);
  }

 private:
  void cannot(const std::string& path) {
    say(path + " cannot be written to by the worker's user",
        fmt::format("sudo install -d -o certlatch {}",
                    path.ends_with("/acme-challenge")
                        ? path
                        : path + (path.ends_with("/.well-known") ? "/acme-challenge"
                                                                 : "/.well-known/acme-challenge")));
  }
  void say(std::string what, std::string remedy) {
    is_whole_ = false;
    findings_.push_back({Verdict::bad, about_, std::move(what), std::move(remedy)});
  }

  std::string about_;
  Findings& findings_;
  bool has_any_ = false, is_whole_ = true;
};

}  // namespace

void examine_files(const Config& config, Findings& findings) {
  std::set<std::string> dns_sections;
  for (const auto& certificate : config.certificates) {
    if (!certificate.dns.empty()) dns_sections.insert(certificate.dns);
    Files files(certificate.name, findings);
    if (!certificate.webroot.empty()) files.look_at_webroot(certificate.webroot);
    files.look_at_program("before", certificate.before);
    files.look_at_program("after", certificate.after);
    files.look_at_program("deployed", certificate.deployed);
  }
  for (const auto& name : dns_sections) {
    const DnsConfig* dns = config.dns(name);
    if (dns == nullptr) continue;
    Files files("dns " + name, findings);
    files.look_at_program("add", dns->add);
    files.look_at_program("remove", dns->remove);
    files.look_at_secret("key file", dns->key_file);
    files.look_at_secret(dns->provider == DnsConfig::Provider::acme_dns ? "account file" : "token file",
                         dns->secret_file);
  }
}

}  // namespace certlatch
