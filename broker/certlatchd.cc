// SPDX-License-Identifier: MIT
// The broker's start, in the only order that is safe: read the policy, open all that will ever be needed,
// start the two helpers, undo what an earlier broker left, stop being root, and only then look at the first
// connection.
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>

#include "broker/audit.h"
#include "broker/confinement.h"
#include "broker/inspector/inspector.h"
#include "broker/install.h"
#include "broker/lease.h"
#include "broker/listener.h"
#include "broker/options.h"
#include "broker/server.h"
#include "broker/services.h"
#include "broker/usage.h"
#include "policy/policy.h"
#include "protocol/secret.h"

namespace certlatch {
namespace {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
};

Result<User> look_up(const std::string& name, std::string_view remedy) {
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr)
    return fail(Error::invalid(fmt::format("there is no user {}; make it with: {} {}", name, remedy, name)));
  if (entry->pw_uid == 0)
    return fail(Error::invalid(fmt::format("user {} is root: name another in the policy", name)));
  return User{entry->pw_uid, entry->pw_gid};
}

Result<UniqueFd> own_directory(const std::string& path, User owner, mode_t mode) {
  auto directory = open_directory(path, owner.uid);
  if (directory &&
      (::fchmod(directory->get(), mode) != 0 || ::fchown(directory->get(), owner.uid, owner.gid) != 0))
    return fail(Error::system("take over the directory " + path));
  return directory;
}

/// SIGTERM, SIGINT and the helpers' end as a descriptor. Only after the helpers were started: they would
/// inherit the mask, and pass it on to the services they restart.
Result<UniqueFd> open_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int number : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&wanted, number);
  ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
  struct sigaction ended {};
  ended.sa_handler = SIG_DFL;
  ended.sa_flags = SA_NOCLDSTOP;
  ::sigaction(SIGCHLD, &ended, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  UniqueFd signals(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.is_open()) return fail(Error::system("signalfd"));
  return signals;
}

Result<Policy> read_policy_file(const std::string& path) {
  auto reading = load_policy(path);
  if (reading) return std::move(*reading);
  std::string text;
  for (const auto& fault : reading.error()) text += (text.empty() ? "" : "\n") + fault.text();
  return fail(Error::invalid(text));
}

/// Everything from root to the end. An error is one of the start; once it serves, the log says the rest.
Result<int> serve(const Options& options) {
  if (::geteuid() != 0)
    return fail(Error::refused("certlatchd must be started as root; it stops being root by itself"));
  auto policy = read_policy_file(options.policy);
  if (!policy) return fail(policy.error());
  const auto worker = look_up(policy->worker, "adduser --system --group --home /var/lib/certlatch");
  if (!worker) return fail(worker.error());
  const auto broker = look_up(policy->user, "adduser --system --group --no-create-home --home /nonexistent");
  if (!broker) return fail(broker.error());
  if (worker->uid == broker->uid)
    return fail(Error::invalid("`worker` and `user` of the policy must be two users"));

  auto audit = Audit::open(policy->audit, SystemLog::open(options.foreground));
  if (!audit) return fail(audit.error());
  const auto state = own_directory(options.state, *broker, 0700);
  if (!state) return fail(state.error());
  const auto run_directory = own_directory(options.run, *broker, 0755);
  if (!run_directory) return fail(run_directory.error());
  auto listener = inherited_listener();
  const bool is_inherited = listener && listener->is_open();
  if (listener && !is_inherited) listener = make_listener(options.socket, worker->gid);
  if (!listener) return fail(listener.error());

  std::error_code unreadable;  // then the helpers are not found, which says enough
  const auto programs = std::filesystem::read_symlink("/proc/self/exe", unreadable).parent_path();
  auto inspector = start_inspector(programs / "certlatch-inspector", *policy);
  if (!inspector) return fail(inspector.error());
  auto runner = start_runner(programs / "certlatch-runner", *policy);
  if (!runner) return fail(runner.error());
  Services services(*policy, state->get(), std::bind_front(run, std::ref(*runner), std::cref(*policy)));
  Installer installer(*policy, std::bind_front(inspect, std::ref(*inspector)), services);
  if (auto opened = installer.open_directories(broker->uid, broker->gid); !opened)
    return fail(opened.error());
  auto leases = Leases::prepare(*policy, run_directory->get());
  if (!leases) return fail(leases.error());
  auto signals = open_signals();
  if (!signals) return fail(signals.error());

  Usage usage(state->get());
  if (const auto report = usage.load()) (void)audit->write({"broker", Outcome::note, {}, {}, 0, *report});

  Confinement confinement{broker->uid, broker->gid, installer.needs_chown()};
  confinement.is_required = policy->confinement_required;
  confinement.directories = {options.state, options.run};
  for (const auto& entry : policy->installs) confinement.directories.push_back(entry.directory);
  const auto in_force = confine(confinement);
  if (!in_force) return fail(in_force.error());
  if (auto logged = audit->write({"broker", Outcome::started, {}, {}, 0, *in_force}); !logged)
    return fail(logged.error());
  Limits limits;
  if (options.idle_seconds || is_inherited)
    limits.idle = std::chrono::seconds(options.idle_seconds.value_or(60));
  Server server({*policy, **leases, installer, services, usage, *audit, *in_force,
                 [&] { return inspector->is_alive() && runner->is_alive(); }},
                listener->get(), signals->get(), worker->uid, limits);
  const auto leave = server.run();
  leases->reset();
  (void)audit->write({"broker", Outcome::stopped, {}, {}, 0, leave.reason});
  return leave.is_failure ? 1 : 0;
}

/// Nothing is inherited that was not meant: no stray descriptor, directory or mask.
void clean_process() {
  ::close_range(std::getenv("LISTEN_FDS") == nullptr ? 3 : 4, ~0U, 0);
  while (true) {
    const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);  // so that no file ever lands on 0, 1 or 2
    if (fd > STDERR_FILENO) ::close(fd);
    if (fd < 0 || fd > STDERR_FILENO) break;
    ::fcntl(fd, F_SETFD, 0);
  }
  ::umask(022);
  ::tzset();                      // now: it reads files
  if (::chdir("/") != 0) return;  // `/` always exists
}

int main_of(std::span<const char* const> arguments) {
  clean_process();
  const auto options = read_options(arguments);
  if (!options) {
    fmt::print(stderr, "certlatchd: {}\n{}", options.error().message, kUsage);
    return 2;
  }
  if (options->wanted == Options::Wanted::help) return fmt::print("{}", kUsage), 0;
  if (options->wanted == Options::Wanted::version) return fmt::print("certlatchd {}\n", CERTLATCH_VERSION), 0;
  const auto log = SystemLog::open(true);  // now: after confinement it could not be opened
  try {
    if (!init_secrets()) return log.write("libsodium finds no source of randomness"), 1;
    auto status = serve(*options);
    if (status) return *status;
    log.write(status.error().message);
  } catch (const std::exception& e) {  // memory; the kernel shuts what is open
    log.write(e.what());
  }
  return 1;
}

}  // namespace
}  // namespace certlatch

int main(int argc, char** argv) {
  return certlatch::main_of(std::span(const_cast<const char* const*>(argv), static_cast<std::size_t>(argc))
                                .subspan(argc > 0 ? 1 : 0));
}
