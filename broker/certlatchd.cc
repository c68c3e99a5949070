// SPDX-License-Identifier: MIT
// The broker's start, in the only order that is safe: read the policy, open all that will ever be needed,
// start the two helpers, undo what an earlier broker left, stop being root, and only then look at the first
// connection.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <pwd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <map>
#include <ranges>

#include "broker/audit.h"
#include "broker/confinement.h"
#include "broker/inspector/inspector.h"
#include "broker/install.h"
#include "broker/lease.h"
#include "broker/listener.h"
#include "broker/server.h"
#include "broker/services.h"
#include "broker/usage.h"
#include "policy/policy.h"
#include "protocol/secret.h"

namespace certlatch {
namespace {

constexpr const char* kUsage =
    "Usage: certlatchd [OPTION]...\n"
    "The certlatch broker: opens ports, installs certificates and restarts services\n"
    "as its policy allows, for the one user that the policy names. Starts as root.\n"
    "\n"
    "  --policy FILE     what may be asked (/etc/certlatch/policy.conf)\n"
    "  --socket PATH     where to listen without a socket unit (/run/certlatch/broker.sock)\n"
    "  --state DIR       what is remembered (/var/lib/certlatch-broker)\n"
    "  --run DIR         what a reboot may forget (/run/certlatch)\n"
    "  --idle SECONDS    leave after so long without connection or lease\n"
    "                    (60 when started by a socket unit, else never)\n"
    "  --foreground      log to standard error as well as to syslog\n"
    "  --quiet           do not; errors only\n"
    "  --help, --version\n";

struct Options {
  std::string policy = "/etc/certlatch/policy.conf";
  std::string socket = "/run/certlatch/broker.sock";
  std::string state = "/var/lib/certlatch-broker";
  std::string run = "/run/certlatch";
  std::optional<std::chrono::seconds> idle;
  bool foreground = false;
  std::string to_print;  // and nothing else to do
};

/// Read by hand: what runs as root links no library for it. Of `--foreground` and `--quiet` the last counts.
/// `--option VALUE` and `--option=VALUE` are the same; paths are absolute.
Result<Options> read_options(std::span<char* const> arguments) {
  Options options;
  const std::map<std::string_view, std::string*> paths = {{"--policy", &options.policy},
                                                          {"--socket", &options.socket},
                                                          {"--state", &options.state},
                                                          {"--run", &options.run}};
  for (auto next = arguments.begin(); next != arguments.end();) {
    const std::string word = *next++, name = word.substr(0, word.find('='));
    if (word == "--foreground" || word == "--quiet") {
      options.foreground = word == "--foreground";
    } else if (word == "--help") {
      options.to_print = kUsage;
    } else if (word == "--version") {
      options.to_print = fmt::format("certlatchd {}\n", CERTLATCH_VERSION);
    } else if (name != "--idle" && !paths.contains(name)) {
      return fail(Error::invalid("unknown option " + word));
    } else if (name == word && next == arguments.end()) {
      return fail(Error::invalid(name + " needs a value"));
    } else if (const auto value = name == word ? *next++ : word.substr(name.size() + 1); name == "--idle") {
      std::uint32_t seconds = 0;  // and still so when there is no number
      const auto* end = std::from_chars(value.data(), value.data() + value.size(), seconds).ptr;
      if (seconds == 0 || end != value.data() + value.size())
        return fail(Error::invalid("--idle needs a number of seconds, 1 or more"));
      options.idle = std::chrono::seconds(seconds);
    } else if (!value.starts_with('/')) {
      return fail(Error::invalid(name + " needs an absolute path"));
    } else {
      *paths.at(name) = value;
    }
  }
  return options;
}

/// For the numbers: its texts go with the next look-up.
Result<passwd> look_up(const std::string& name, std::string_view remedy) {
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr)
    return fail(Error::invalid(fmt::format("there is no user {}; make it with: {} {}", name, remedy, name)));
  if (entry->pw_uid == 0)
    return fail(Error::invalid(fmt::format("user {} is root: name another in the policy", name)));
  return *entry;
}

Result<UniqueFd> own_directory(const std::string& path, const passwd& owner, mode_t mode) {
  auto directory = TRY(open_directory(path, owner.pw_uid));
  if (::fchmod(directory.get(), mode) != 0 || ::fchown(directory.get(), owner.pw_uid, owner.pw_gid) != 0)
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
  struct sigaction ended {};  // the default one
  ended.sa_flags = SA_NOCLDSTOP;
  ::sigaction(SIGCHLD, &ended, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  UniqueFd signals(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.is_open()) return fail(Error::system("signalfd"));
  return signals;
}

/// Everything from root to the end. An error is one of the start; once it serves, the log says the rest.
Result<int> serve(const Options& options) {
  if (!init_secrets()) return fail(Error::refused("libsodium finds no source of randomness"));
  if (::geteuid() != 0)
    return fail(Error::refused("certlatchd must be started as root; it stops being root by itself"));
  const auto reading = load_policy(options.policy);
  if (!reading) {
    const auto faults = reading.error() | std::views::transform(&Fault::text);
    return fail(Error::invalid(fmt::format("{}", fmt::join(faults, "\n"))));
  }
  const Policy& policy = *reading;
  const auto worker = TRY(look_up(policy.worker, "adduser --system --group --home /var/lib/certlatch"));
  const auto broker =
      TRY(look_up(policy.user, "adduser --system --group --no-create-home --home /nonexistent"));
  if (worker.pw_uid == broker.pw_uid)
    return fail(Error::invalid("`worker` and `user` of the policy must be two users"));

  auto audit = TRY(Audit::open(policy.audit, SystemLog::open(options.foreground)));
  const auto state = TRY(own_directory(options.state, broker, 0700));
  const auto run_directory = TRY(own_directory(options.run, broker, 0755));
  auto listener = TRY(inherited_listener());
  const bool is_inherited = listener.is_open();
  if (!is_inherited) listener = TRY(make_listener(options.socket, worker.pw_gid));

  const auto programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  auto inspector = TRY(start_inspector(programs / "certlatch-inspector", policy));
  auto runner = TRY(start_runner(programs / "certlatch-runner", policy));
  Services services(policy, state.get(), std::bind_front(run, std::ref(runner), std::cref(policy)));
  Installer installer(policy, std::bind_front(inspect, std::ref(inspector)), services);
  auto owners = TRY(installer.open_directories(broker.pw_uid, broker.pw_gid));
  auto leases = TRY(Leases::prepare(policy, run_directory.get()));
  const auto signals = TRY(open_signals());

  Usage usage(state.get());
  if (const auto loaded = usage.load(); !loaded)
    (void)audit.write({"broker", Outcome::note, {}, 0, loaded.error().message});

  Confinement confinement{broker.pw_uid, broker.pw_gid, std::move(owners)};
  confinement.is_required = policy.confinement_required;
  confinement.directories = {options.state, options.run};
  for (const auto& entry : policy.installs) confinement.directories.push_back(entry.directory);
  const auto in_force = TRY(confine(confinement));
  TRY(audit.write({"broker", Outcome::started, {}, 0, in_force + "; policy " + hex_text(policy.digest)}));
  Limits limits{.idle = options.idle};
  if (is_inherited && !limits.idle) limits.idle = std::chrono::minutes(1);
  Server server({policy, *leases, installer, services, usage, audit, in_force,
                 [&] { return inspector.is_alive() && runner.is_alive(); }},
                listener.get(), signals.get(), worker.pw_uid, limits);
  const auto leave = server.run();
  leases.reset();
  (void)audit.write({"broker", Outcome::stopped, {}, 0, leave.reason});
  return leave.is_failure ? 1 : 0;
}

/// Nothing is inherited that was not meant: no stray descriptor, directory or mask.
void clean_process() {
  ::close_range(std::getenv("LISTEN_FDS") == nullptr ? 3 : 4, ~0U, 0);
  int fd = STDIN_FILENO;  // no file shall ever land on 0, 1 or 2
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::close(fd);
  ::umask(022);
  ::tzset();  // now: it reads files
  // What a request took goes back to the kernel: by itself, the allocator would keep pieces of that size.
  ::mallopt(M_MMAP_THRESHOLD, 64 * 1024);
  (void)!::chdir("/");
}

}  // namespace
}  // namespace certlatch

int main(int argc, char** argv) {
  using namespace certlatch;
  clean_process();
  const auto options = read_options({argv + std::min(argc, 1), argv + argc});
  if (!options) {
    fmt::print(stderr, "certlatchd: {}\n{}", options.error().message, kUsage);
    return 2;
  }
  if (!options->to_print.empty()) return fmt::print("{}", options->to_print), 0;
  const auto log = SystemLog::open(true);  // now: after confinement it could not be opened
  try {
    const auto served = serve(*options);
    if (served)
      ::_exit(*served);  // confinement forbids what else is done at an exit: by sanitizers above all
    log.write(served.error().message);
  } catch (const std::exception& e) {  // memory; the kernel shuts what is open
    log.write(e.what());
  }
  ::_exit(1);
}
