// SPDX-License-Identifier: MIT
#include "policy/policy.h"

#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <tuple>

#include "policy/host_name.h"
#include "policy/section.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxAccountBytes = 32;
constexpr std::size_t kMaxInterfaceBytes = 15;  // IFNAMSIZ, less the NUL
constexpr std::size_t kMaxUnitBytes = 128;
constexpr std::size_t kMaxChainBytes = 64;
constexpr std::size_t kMaxEntryNameBytes = 64;
constexpr std::size_t kMaxOpeningNameBytes = 32;
constexpr std::uint32_t kMaxPerDay = 100'000;
constexpr std::uint32_t kMaxLeaseSeconds = 86'400;
constexpr std::uint32_t kMaxTimeoutSeconds = 600;

// Values. Each reader takes a value whole or says what is wrong with it, quoting it.

template <class... Args>
std::unexpected<Error> invalid(fmt::format_string<Args...> format, Args&&... args) {
  return fail(Error::invalid(fmt::format(format, std::forward<Args>(args)...)));
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::ranges::find(list, text) != list.end();
}

// Not empty, at most `most` bytes, each of them an ASCII letter, a digit or one of `more`.
bool is_word(std::string_view text, std::size_t most, std::string_view more) {
  return !text.empty() && text.size() <= most && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || more.contains(c);
  });
}

bool is_identifier(std::string_view text, std::size_t most) {
  return is_word(text, most, "_.-") && !std::string_view("0123456789.-").contains(text[0]);
}

// The whole of `text`, digits only, in range of the type.
bool parse(std::string_view text, std::uint32_t& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

Result<std::uint32_t> read_number(std::string_view text, std::uint32_t least, std::uint32_t most) {
  std::uint32_t value = 0;
  if (parse(text, value) && value >= least && value <= most) return value;
  return invalid("`{}` is not a number from {} to {}", text, least, most);
}

Result<std::uint16_t> read_port(std::string_view text) {
  const auto port = read_number(text, 1, 65'535);
  if (!port) return fail(port.error());
  return static_cast<std::uint16_t>(*port);
}

// "90s", "2m", "1h"; in seconds. A number without its unit is an error.
Result<std::uint32_t> read_duration(std::string_view text, std::uint32_t most) {
  const std::uint32_t unit = text.ends_with('s')   ? 1
                             : text.ends_with('m') ? 60
                             : text.ends_with('h') ? 3600
                                                   : 0;
  std::uint32_t value = 0;
  if (unit != 0 && parse(text.substr(0, text.size() - 1), value) && value >= 1 && value <= most / unit)
    return value * unit;
  return invalid("`{}` is not a time from 1s to {}s, such as 90s, 2m or 1h", text, most);
}

Result<bool> read_either(std::string_view text, std::string_view yes, std::string_view no) {
  if (text == yes || text == no) return text == yes;
  return invalid("`{}` is neither `{}` nor `{}`", text, yes, no);
}

Result<bool> read_yes_no(std::string_view text) { return read_either(text, "yes", "no"); }

// Decimal or 0x...; not 0, which every unmarked packet carries.
Result<std::uint32_t> read_mark(std::string_view text) {
  std::uint32_t value = 0;
  const bool is_hex = text.starts_with("0x");
  if (parse(is_hex ? text.substr(2) : text, value, is_hex ? 16 : 10) && value != 0) return value;
  return invalid("`{}` is not a mark of 32 bits, such as 0xac3e0050; 0 is that of every other packet", text);
}

// Octal. The file holds a private key: its owner may read it, its group may not write it, others may
// nothing.
Result<std::uint32_t> read_mode(std::string_view text) {
  std::uint32_t value = 0;
  if ((text.size() == 3 || text.size() == 4) && parse(text, value, 8) && (value & ~0640U) == 0 &&
      (value & 0400) != 0)
    return value;
  return invalid(
      "`{}` is not a mode for a private key, such as 0640: its owner may read and write it, its group read, "
      "others nothing",
      text);
}

// Absolute, without blanks, `.`, `..`, doubled or trailing slashes; not the root itself.
Result<std::string> read_path(std::string_view text) {
  const bool is_plain = text.starts_with('/') && text.find_first_of(kBlankBytes) == text.npos &&
                        std::ranges::none_of(split(text.substr(1), "/"), [](auto part) {
                          return is_one_of(part, {"", ".", ".."});
                        });
  if (is_plain) return std::string(text);
  return invalid("`{}` is not a plain absolute path: no blank, `.`, `..`, doubled or trailing slash", text);
}

// A user's or a group's name; whether it exists is not asked here.
Result<std::string> read_account(std::string_view text) {
  if (is_identifier(text, kMaxAccountBytes)) return std::string(text);
  return invalid("`{}` is not the name of a user or group", text);
}

// The account of one that must not be root.
Result<std::string> read_user(std::string_view text) {
  if (text == "root") return invalid("root is refused; name a user without privilege");
  return read_account(text);
}

// "root:ssl-cert"
Result<std::pair<std::string, std::string>> read_owner(std::string_view text) {
  const auto parts = split(text, ":");
  if (parts.size() == 2 && read_account(parts[0]) && read_account(parts[1]))
    return std::pair(std::string(parts[0]), std::string(parts[1]));
  return invalid("`{}` is not user:group", text);
}

// "nginx.service"; never something that systemctl takes for an option.
Result<std::string> read_unit(std::string_view text) {
  constexpr std::string_view kMore = ":_.@\\-";
  if (is_word(text, kMaxUnitBytes, kMore) && !kMore.contains(text[0]) && text.ends_with(".service"))
    return std::string(text);
  return invalid("`{}` is not a unit such as nginx.service", text);
}

// ":8080" or "127.0.0.1:8080", not below 1024, where only root can listen. True: the loopback form.
Result<std::pair<std::uint16_t, bool>> read_target(std::string_view text) {
  for (const std::string_view host : {"127.0.0.1:", ":"}) {
    if (!text.starts_with(host)) continue;
    if (const auto port = read_number(text.substr(host.size()), 1024, 65'535))
      return std::pair(static_cast<std::uint16_t>(*port), host != ":");
  }
  return invalid("`{}` is neither `:PORT` nor `127.0.0.1:PORT`, with a port from 1024 up", text);
}

// An absolute path and its arguments, split at blanks; '...' and "..." hold a piece together and mean
// nothing else. What a shell would act on must stand in quotes, so that nobody believes a shell reads it.
Result<std::vector<std::string>> read_command(std::string_view text) {
  std::vector<std::string> words;
  bool is_inside = false;  // a word; "" is one too
  char quote = 0;
  for (const char c : text) {
    if (quote == 0 && kBlankBytes.contains(c)) {
      is_inside = false;
      continue;
    }
    if (quote == 0 && std::string_view("|&<>;$`*?\\").contains(c)) {
      return invalid("no shell reads this: put `{}` in quotes if it is meant as it stands", c);
    }
    if (!is_inside) words.emplace_back();
    is_inside = true;
    if (c == quote || (quote == 0 && (c == '\'' || c == '"'))) {
      quote = quote == 0 ? c : '\0';
    } else {
      words.back() += c;
    }
  }
  if (quote != 0)
    return invalid("a quote `{}` is not closed (a comment starts at `#` or `;` even in quotes)", quote);
  if (const auto path = read_path(words.empty() ? "" : words[0]); !path) return fail(path.error());
  return words;
}

Result<std::uint32_t> read_per_day(std::string_view text) { return read_number(text, 1, kMaxPerDay); }

// Sections.

void read_broker(Section& section, Policy& policy) {
  const unsigned worker_line = section.take("worker", Need::required, policy.worker, read_user);
  section.take("audit", Need::required, policy.audit, read_path);
  const unsigned user_line = section.take("user", Need::optional, policy.user, read_user);
  section.take("confinement", Need::optional, policy.confinement_required,
               [](std::string_view text) { return read_either(text, "required", "best effort"); });
  if (policy.worker == policy.user) {
    section.fault(std::max(worker_line, user_line),
                  "`worker` and `user` are one; the worker could take over the broker");
  }
}

void read_gates(Section& section, OpeningEntry& entry) {
  const auto read = [&](std::string_view text) -> Result<Gate> {
    if (text != "static" && text != "none") {
      const auto gate = read_gate(text);
      if (!gate || !entry.to_loopback || gate->family != Family::ip6) return gate;
      return invalid("`{}` never sees the IPv4 packets that go to 127.0.0.1", text);
    }
    entry.gate = text == "static" ? GateKind::is_static : GateKind::none;
    return Gate{};
  };
  entry.gate_line = section.take_list("gate", Need::required, entry.gates, read, ",");
  if (entry.gate == GateKind::inserted) return;
  if (entry.gates.size() > 1) section.fault(entry.gate_line, "`gate`: `static` and `none` each stand alone");
  entry.gates.clear();
}

void read_open(Section& section, Policy& policy) {
  OpeningEntry entry{.name = section.ini().name, .line = section.ini().line};
  entry.port_line = section.take("port", Need::required, entry.port, read_port);
  const unsigned to_line =
      section.take("to", Need::required, std::tie(entry.to_port, entry.to_loopback), read_target);
  section.take_list("interface", Need::required, entry.interfaces, read_interface);
  read_gates(section, entry);
  section.take("at most", Need::required, entry.at_most,
               [](std::string_view text) { return read_duration(text, kMaxLeaseSeconds); });
  entry.per_day_line = section.take("per day", Need::optional, entry.per_day, read_per_day);
  section.take("share", Need::optional, entry.share, read_yes_no);
  const unsigned mark_line = section.take("mark", Need::optional, entry.mark, read_mark);

  if (entry.port != 0 && entry.port == entry.to_port)
    section.fault(to_line, fmt::format("`to`: port {} would lead to itself", entry.port));
  if (mark_line != 0 && entry.gate == GateKind::none)
    section.fault(mark_line, "`mark`: with `gate = none` nothing looks for a mark");
  for (const OpeningEntry& other : policy.openings) {
    if (entry.port == 0 || entry.port != other.port) continue;
    section.fault(entry.port_line, fmt::format("`port`: {} is already opened by [open {}] on line {}",
                                               entry.port, other.name, other.port_line));
  }
  policy.openings.push_back(std::move(entry));
}

// The services have been read before.
void read_install(Section& section, Policy& policy) {
  InstallEntry entry{.name = section.ini().name, .line = section.ini().line};
  entry.names_line = section.take_list("names", Need::required, entry.names, canonical_name);
  const unsigned directory_line = section.take("directory", Need::required, entry.directory, read_path);
  section.take("owner", Need::required, std::tie(entry.owner_user, entry.owner_group), read_owner);
  section.take("mode", Need::required, entry.mode, read_mode);
  section.take("combined", Need::optional, entry.combined, read_yes_no);
  section.take_list("services", Need::optional, entry.services,
                    [&](std::string_view text) -> Result<std::string> {
                      if (policy.service(text) != nullptr) return std::string(text);
                      return invalid("there is no [service {}]", text);
                    });
  entry.per_day_line = section.take("per day", Need::optional, entry.per_day, read_per_day);
  section.take("trust", Need::optional, entry.trust, read_path);

  const std::string here = entry.directory + "/";
  for (const InstallEntry& other : policy.installs) {
    const std::string there = other.directory + "/";
    if (here == "/" || there == "/" || (!here.starts_with(there) && !there.starts_with(here))) continue;
    section.fault(
        directory_line,
        fmt::format("`directory`: {} is that of [install {}] on line {}, or one lies within the other",
                    entry.directory, other.name, other.line));
  }
  policy.installs.push_back(std::move(entry));
}

void read_service(Section& section, Policy& policy) {
  ServiceEntry entry{.name = section.ini().name, .line = section.ini().line};
  const unsigned reload = section.take("reload", Need::optional, entry.unit, read_unit);
  const unsigned restart = section.take("restart", Need::optional, entry.unit, read_unit);
  const unsigned command = section.take("command", Need::optional, entry.command, read_command);
  if ((reload != 0) + (restart != 0) + (command != 0) != 1) {
    section.fault(std::max({entry.line, reload, restart, command}),
                  section.ini().heading() + " needs exactly one of `reload`, `restart` and `command`");
  }
  entry.action = reload != 0    ? ServiceAction::reload_unit
                 : restart != 0 ? ServiceAction::restart_unit
                                : ServiceAction::command;
  entry.check_line = section.take("check", Need::optional, entry.check, read_command);
  entry.per_day_line = section.take("per day", Need::optional, entry.per_day, read_per_day);
  section.take("timeout", Need::optional, entry.timeout,
               [](std::string_view text) { return read_duration(text, kMaxTimeoutSeconds); });
  policy.services.push_back(std::move(entry));
}

constexpr std::pair<std::string_view, void (*)(Section&, Policy&)> kKinds[] = {
    {"broker", read_broker}, {"open", read_open}, {"install", read_install}, {"service", read_service}};

// Openings become names of nftables sets; the others are only ever compared.
std::string wrong_name(const IniSection& section) {
  const bool is_open = section.kind == "open";
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (section.name.empty()) return {};
  if (is_open
          ? is_word(section.name, kMaxOpeningNameBytes, "_") && std::ranges::none_of(section.name, is_upper)
          : is_word(section.name, kMaxEntryNameBytes, "._-"))
    return {};
  return fmt::format("`{}` cannot name an entry: {}, at most {} bytes", section.name,
                     is_open ? "lower-case letters, digits and `_`" : "letters, digits, `.`, `_` and `-`",
                     is_open ? kMaxOpeningNameBytes : kMaxEntryNameBytes);
}

void read_section(const IniSection& ini, const std::vector<IniSection>& all, PolicyReading& reading) {
  Section section(ini, reading.policy->file, reading.faults);
  const auto* kind = std::ranges::find_if(kKinds, [&](const auto& it) { return it.first == ini.kind; });
  if (kind == std::end(kKinds) || ini.name.empty() != (ini.kind == "broker")) {
    return section.fault(ini.line,
                         ini.heading() + " is none of [broker], [open NAME], [install NAME], [service NAME]");
  }
  if (const auto first = std::ranges::find(all, ini.heading(), &IniSection::heading); &*first != &ini)
    return section.fault(ini.line, fmt::format("{} is already on line {}", ini.heading(), first->line));
  if (auto wrong = wrong_name(ini); !wrong.empty()) section.fault(ini.line, std::move(wrong));
  kind->second(section, *reading.policy);
  section.finish();
}

}  // namespace

Result<std::string> read_interface(std::string_view text) {
  if (is_word(text, kMaxInterfaceBytes, "_.@+-") && !is_one_of(text, {".", "..", "lo", "all", "default"}))
    return std::string(text);
  return invalid("`{}` is not the name of one interface to the outside (at most {} bytes, no wildcard)", text,
                 kMaxInterfaceBytes);
}

Result<Gate> read_gate(std::string_view text) {
  const auto words = split(text);
  for (const Family family : {Family::ip, Family::ip6, Family::inet}) {
    if (words.size() == 3 && words[0] == name_of(family) && is_identifier(words[1], kMaxChainBytes) &&
        is_identifier(words[2], kMaxChainBytes))
      return Gate{family, std::string(words[1]), std::string(words[2])};
  }
  return invalid("`{}` is neither `ip|ip6|inet TABLE CHAIN`, nor `static`, nor `none`", text);
}

std::string_view name_of(Family family) {
  return family == Family::ip ? "ip" : family == Family::ip6 ? "ip6" : "inet";
}

std::string Gate::text() const { return fmt::format("{} {} {}", name_of(family), table, chain); }

template <class Entry>
static const Entry* find(const std::vector<Entry>& entries, std::string_view name) {
  const auto it = std::ranges::find(entries, name, &Entry::name);
  return it == entries.end() ? nullptr : &*it;
}

const OpeningEntry* Policy::opening(std::string_view name) const { return find(openings, name); }
const InstallEntry* Policy::install(std::string_view name) const { return find(installs, name); }
const ServiceEntry* Policy::service(std::string_view name) const { return find(services, name); }

PolicyReading read_policy(std::string_view text, std::string_view file) {
  PolicyReading reading{.policy = Policy{.file = std::string(file)}, .faults = {}};
  if (text.size() > kMaxPolicyBytes)
    return {std::nullopt,
            {{std::string(file), 0, fmt::format("the file has more than {} bytes", kMaxPolicyBytes)}}};
  crypto_generichash(reinterpret_cast<unsigned char*>(reading.policy->digest.data()),
                     reading.policy->digest.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  IniReading ini = read_ini(text, file);
  reading.faults = std::move(ini.faults);
  // Services first: an install must name those that exist.
  std::ranges::stable_partition(ini.sections, [](const auto& it) { return it.kind == "service"; });
  for (const IniSection& section : ini.sections) read_section(section, ini.sections, reading);
  if (std::ranges::find(ini.sections, "broker", &IniSection::kind) == ini.sections.end())
    reading.faults.push_back({std::string(file), 0, "there is no [broker] section"});
  std::ranges::stable_sort(reading.faults, {}, &Fault::line);
  if (!reading.faults.empty()) reading.policy.reset();
  return reading;
}

}  // namespace certlatch
