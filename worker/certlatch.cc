// SPDX-License-Identifier: MIT
// The worker's program, certlatch(1): its commands are in worker/command, its roles each in a directory of
// their own.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <csignal>

#include "protocol/secret.h"
#include "worker/command/command.h"
#include "worker/command/unknown_word.h"
#include "worker/role/role.h"
#include "worker/role/self_protection.h"

namespace {

using namespace certlatch;

/// `certlatch role NAME`: what the main process executes for its helpers; the sockets are descriptors 3
/// and 4.
int role_command(std::string_view role) {
  const auto is_socket = [](int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
  };
  const bool has_second = role == "acme" || role == "keeper";
  if (!is_socket(3) || (has_second && !is_socket(4)))
    return complain(kUsage, "`certlatch role` is for certlatch itself");
  for (const int fd : {3, 4}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  Channel parent((UniqueFd(3)));
  if (role == "acme") return acme_role(std::move(parent), Channel(UniqueFd(4)));
  if (role == "keeper") return keeper_role(std::move(parent), Channel(UniqueFd(4)));
  if (role == "responder") return responder_role(std::move(parent));
  if (role == "dns") return dns_role(std::move(parent));
  if (role == "verify") return verify_role(std::move(parent));
  return complain(kUsage, fmt::format("there is no role `{}`", role));
}

int run_command_line(int argc, char** argv) {
  Setting setting;
  CLI::App app("certlatch: TLS certificates for hosts whose port 80 stays shut");
  app.name("certlatch");
  app.set_version_flag("--version", "certlatch " CERTLATCH_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  // Not option_text(), which the default would not be shown with.
  app.add_option("--config", setting.config, "the configuration")->type_name("FILE")->capture_default_str();
  app.add_option("--state", setting.state, "the state directory")
      ->type_name("DIRECTORY")
      ->capture_default_str();
  app.add_option("--socket", setting.socket, "the broker's socket")->type_name("PATH")->capture_default_str();
  auto* quiet = app.add_flag("--quiet", setting.quiet, "print errors only");
  app.add_flag("--verbose", setting.verbose, "print every request to the CA and to the broker")
      ->excludes(quiet);

  CommandLine line{app, setting};
  for (const auto add :
       {add_renew_command, add_status_command, add_list_command, add_doctor_command, add_verify_command,
        add_new_command, add_import_command, add_delete_command, add_account_command, add_revoke_command})
    add(line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    if (const auto sentence = sentence_about_unknown_word(app); !sentence.empty())
      return complain(kUsage, sentence);
    app.exit(error);
    return kUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return line.action();
}

}  // namespace

int main(int argc, char** argv) try {
  std::signal(SIGPIPE, SIG_IGN);
  ::umask(077);
  if (!certlatch::init_secrets()) return complain(kFailed, "there is no source of randomness");
  if (auto guarded = certlatch::protect_self(); !guarded) return complain(kFailed, guarded.error().message);
  // Not by the command line's parser: it is no command for people.
  if (argc == 3 && std::string_view(argv[1]) == "role") return role_command(argv[2]);
  return run_command_line(argc, argv);
} catch (const std::exception& e) {
  return complain(kFailed, e.what());
}
