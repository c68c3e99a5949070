// SPDX-License-Identifier: MIT
#include "policy/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>

#include "policy/decision.h"

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
template <class T>
bool parse(std::string_view text, T& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

template <class T, T least, T most>
Result<T> read_number(std::string_view text) {
  T value = 0;
  if (parse(text, value) && value >= least && value <= most) return value;
  return invalid("`{}` is not a number from {} to {}", text, least, most);
}

// "90s", "2m", "1h"; in seconds. A number without its unit is an error.
template <std::uint32_t most>
Result<std::uint32_t> read_duration(std::string_view text) {
  std::uint32_t value = 0;
  for (const auto& [unit, seconds] : {std::pair('s', 1U), {'m', 60U}, {'h', 3600U}})
    if (text.ends_with(unit) && parse(text.substr(0, text.size() - 1), value) && value >= 1 &&
        value <= most / seconds)
      return value * seconds;
  return invalid("`{}` is not a time from 1s to {}s, such as 90s, 2m or 1h", text, most);
}

// A reader for a choice of two words; true is the first.
auto either(std::string_view yes, std::string_view no) {
  return [=](std::string_view text) -> Result<bool> {
    if (text == yes || text == no) return text == yes;
    return invalid("`{}` is neither `{}` nor `{}`", text, yes, no);
  };
}

// Decimal or 0x...; not 0, which every unmarked packet carries.
Result<std::uint32_t> read_mark(std::string_view text) {
  std::uint32_t value = 0;
  const bool is_hex = text.starts_with("0x");
  if (parse(text.substr(is_hex ? 2 : 0), value, is_hex ? 16 : 10) && value != 0) return value;
  return invalid("`{}` is not a mark of 32 bits, such as 0xac3e0050; 0 is that of every other packet", text);
}

// Octal. The file holds a private key: its owner may read it, its group may not write it, others may
// nothing.
Result<std::uint32_t> read_mode(std::string_view text) {
  for (const std::uint32_t mode : {0400U, 0440U, 0600U, 0640U})
    if (text == fmt::format("{:o}", mode) || text == fmt::format("{:04o}", mode)) return mode;
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
  const auto host = text.substr(0, text.find(':'));
  if (host.size() < text.size() && is_one_of(host, {"", "127.0.0.1"}))
    if (const auto port = read_number<std::uint16_t, 1024, 65'535>(text.substr(host.size() + 1)))
      return std::pair(*port, !host.empty());
  return invalid("`{}` is neither `:PORT` nor `127.0.0.1:PORT`, with a port from 1024 up", text);
}

// An absolute path and its arguments, split at blanks; '...' and "..." hold a piece together and mean
// nothing else. What a shell would act on must stand in quotes, so that nobody believes a shell reads it.
Result<std::vector<std::string>> read_command(std::string_view text) {
  std::vector<std::string> words;
  bool is_inside = false;  // a word; "" is one too
  char quote = 0;
  for (const char c : text) {
    const bool is_bare = quote == 0;
    if (is_bare && std::string_view("|&<>;$`*?\\").contains(c))
      return invalid("no shell reads this: put `{}` in quotes if it is meant as it stands", c);
    const bool was_inside = std::exchange(is_inside, !is_bare || !kBlankBytes.contains(c));
    if (is_inside && !was_inside) words.emplace_back();
    if (c == quote || (is_bare && (c == '\'' || c == '"')))
      quote = is_bare ? c : '\0';
    else if (is_inside)
      words.back() += c;
  }
  if (quote != 0)
    return invalid("a quote `{}` is not closed (a comment starts at `#` or `;` even in quotes)", quote);
  TRY(read_path(words.empty() ? "" : words[0]));
  return words;
}

constexpr auto read_port = read_number<std::uint16_t, 1, 65'535>;
constexpr auto read_per_day = read_number<std::uint32_t, 1, kMaxPerDay>;

// Sections.

enum class Need : std::uint8_t { required, optional };

// One section while it is read: every key is asked for by name, and what was not asked for is unknown.
struct Section {
  const IniSection& ini;
  Policy& policy;
  std::vector<Fault>& faults;
  std::vector<std::string_view> known{};

  void fault(unsigned line, std::string sentence) {
    faults.push_back({policy.file, line, std::move(sentence)});
  }

  // Hands each item of each such key to `read`, with the line of the first such key, if it is a later one;
  // `read` says what is wrong with it. Returns that line, 0 without it.
  unsigned each(std::string_view name, Need need, std::string_view separators, auto read) {
    known.push_back(name);
    unsigned first = 0;
    for (const IniKey& key : ini.keys) {
      if (key.name != name) continue;
      for (const auto item : split(key.value, separators))
        if (const Result<void> done = read(item, first); !done)
          fault(key.line, fmt::format("`{}`: {}", name, done.error().message));
      if (first == 0) first = key.line;
    }
    if (first == 0 && need == Need::required && !ini.is_damaged)
      fault(ini.line, fmt::format("{} has no `{}`", ini.heading(), name));
    return first;
  }

  // A key that may stand once: its value goes through `reader` into `value`. Returns its line, 0 without it.
  unsigned take(std::string_view name, Need need, auto&& value, auto reader) {
    return each(name, need, "", [&](std::string_view text, unsigned first) -> Result<void> {
      if (first != 0) return invalid("is already given on line {}", first);
      value = TRY(reader(text));
      return {};
    });
  }

  // A key that may be repeated, each with several items; one that stands twice is a fault. Returns the first
  // line.
  unsigned take_list(std::string_view name, Need need, auto& items, auto reader,
                     std::string_view separators = kBlankBytes) {
    return each(name, need, separators, [&](std::string_view text, unsigned) -> Result<void> {
      auto item = TRY(reader(text));
      if (std::ranges::find(items, item) != items.end()) return invalid("`{}` stands there twice", text);
      items.push_back(std::move(item));
      return {};
    });
  }
};

void read_broker(Section& section) {
  Policy& policy = section.policy;
  const unsigned worker_line = section.take("worker", Need::required, policy.worker, read_user);
  section.take("audit", Need::required, policy.audit, read_path);
  const unsigned user_line = section.take("user", Need::optional, policy.user, read_user);
  section.take("confinement", Need::optional, policy.confinement_required, either("required", "best effort"));
  if (policy.worker == policy.user)
    section.fault(std::max(worker_line, user_line),
                  "`worker` and `user` are one; the worker could take over the broker");
}

void read_open(Section& section) {
  OpeningEntry entry{.name = section.ini.name, .line = section.ini.line};
  const auto read_one_gate = [&](std::string_view text) -> Result<Gate> {
    if (text == "static" || text == "none") {
      entry.gate = text == "static" ? GateKind::is_static : GateKind::none;
      return Gate{};
    }
    auto gate = read_gate(text);
    if (gate && entry.to_loopback && gate->family == Family::ip6)
      return invalid("`{}` never sees the IPv4 packets that go to 127.0.0.1", text);
    return gate;
  };
  entry.port_line = section.take("port", Need::required, entry.port, read_port);
  const unsigned to_line =
      section.take("to", Need::required, std::tie(entry.to_port, entry.to_loopback), read_target);
  section.take_list("interface", Need::required, entry.interfaces, read_interface);
  entry.gate_line = section.take_list("gate", Need::required, entry.gates, read_one_gate, ",");
  section.take("at most", Need::required, entry.at_most, read_duration<kMaxLeaseSeconds>);
  entry.per_day_line = section.take("per day", Need::optional, entry.per_day, read_per_day);
  section.take("share", Need::optional, entry.share, either("yes", "no"));
  const unsigned mark_line = section.take("mark", Need::optional, entry.mark, read_mark);

  if (entry.gate != GateKind::inserted && entry.gates.size() > 1)
    section.fault(entry.gate_line, "`gate`: `static` and `none` each stand alone");
  if (entry.gate != GateKind::inserted) entry.gates.clear();
  if (entry.port != 0 && entry.port == entry.to_port)
    section.fault(to_line, fmt::format("`to`: port {} would lead to itself", entry.port));
  if (mark_line != 0 && entry.gate == GateKind::none)
    section.fault(mark_line, "`mark`: with `gate = none` nothing looks for a mark");
  for (const OpeningEntry& other : section.policy.openings)
    if (entry.port != 0 && entry.port == other.port)
      section.fault(entry.port_line, fmt::format("`port`: {} is already opened by [open {}] on line {}",
                                                 entry.port, other.name, other.port_line));
  section.policy.openings.push_back(std::move(entry));
}

// The services have been read before.
void read_install(Section& section) {
  const auto read_service = [&](std::string_view text) -> Result<std::string> {
    if (section.policy.service(text) != nullptr) return std::string(text);
    return invalid("there is no [service {}]", text);
  };
  InstallEntry entry{.name = section.ini.name, .line = section.ini.line};
  entry.names_line = section.take_list("names", Need::required, entry.names, canonical_name);
  const unsigned directory_line = section.take("directory", Need::required, entry.directory, read_path);
  section.take("owner", Need::required, std::tie(entry.owner_user, entry.owner_group), read_owner);
  section.take("mode", Need::required, entry.mode, read_mode);
  section.take("combined", Need::optional, entry.combined, either("yes", "no"));
  section.take_list("services", Need::optional, entry.services, read_service);
  entry.per_day_line = section.take("per day", Need::optional, entry.per_day, read_per_day);
  section.take("trust", Need::optional, entry.trust, read_path);

  const std::string here = entry.directory + "/";
  for (const InstallEntry& other : section.policy.installs) {
    const std::string there = other.directory + "/";
    if (here == "/" || there == "/" || (!here.starts_with(there) && !there.starts_with(here))) continue;
    section.fault(
        directory_line,
        fmt::format("`directory`: {} is that of [install {}] on line {}, or one lies within the other",
                    entry.directory, other.name, other.line));
  }
  section.policy.installs.push_back(std::move(entry));
}

void read_service(Section& section) {
  ServiceEntry entry{.name = section.ini.name, .line = section.ini.line};
  const unsigned reload = section.take("reload", Need::optional, entry.unit, read_unit);
  const unsigned restart = section.take("restart", Need::optional, entry.unit, read_unit);
  const unsigned command = section.take("command", Need::optional, entry.command, read_command);
  if ((reload != 0) + (restart != 0) + (command != 0) != 1)
    section.fault(std::max({entry.line, reload, restart, command}),
                  section.ini.heading() + " needs exactly one of `reload`, `restart` and `command`");
  if (reload != 0) entry.action = ServiceAction::reload_unit;
  if (restart != 0) entry.action = ServiceAction::restart_unit;
  entry.check_line = section.take("check", Need::optional, entry.check, read_command);
  entry.per_day_line = section.take("per day", Need::optional, entry.per_day, read_per_day);
  section.take("timeout", Need::optional, entry.timeout, read_duration<kMaxTimeoutSeconds>);
  section.policy.services.push_back(std::move(entry));
}

constexpr std::pair<std::string_view, void (*)(Section&)> kKinds[] = {
    {"broker", read_broker}, {"open", read_open}, {"install", read_install}, {"service", read_service}};

void read_section(const IniSection& ini, const std::vector<IniSection>& all, Policy& policy,
                  std::vector<Fault>& faults) {
  Section section{ini, policy, faults};
  const auto* kind = std::ranges::find(kKinds, ini.kind, [](const auto& it) { return it.first; });
  if (kind == std::end(kKinds) || ini.name.empty() != (ini.kind == "broker"))
    return section.fault(ini.line,
                         ini.heading() + " is none of [broker], [open NAME], [install NAME], [service NAME]");
  if (const auto first = std::ranges::find(all, ini.heading(), &IniSection::heading); &*first != &ini)
    return section.fault(ini.line, fmt::format("{} is already on line {}", ini.heading(), first->line));
  // Openings become names of nftables sets; the others are only ever compared.
  const bool is_set = ini.kind == "open";
  const auto most = is_set ? kMaxOpeningNameBytes : kMaxEntryNameBytes;
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (!ini.name.empty() &&
      (!is_word(ini.name, most, is_set ? "_" : "._-") || (is_set && std::ranges::any_of(ini.name, is_upper))))
    section.fault(ini.line, fmt::format("`{}` cannot name an entry: {}, at most {} bytes", ini.name,
                                        is_set ? "lower-case letters, digits and `_`"
                                               : "letters, digits, `.`, `_` and `-`",
                                        most));
  kind->second(section);
  for (const IniKey& key : ini.keys)
    if (std::ranges::find(section.known, key.name) == section.known.end())
      section.fault(key.line, fmt::format("{} has no key `{}`; it knows {}", ini.heading(), key.name,
                                          fmt::join(section.known, ", ")));
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
  for (const Family family : {Family::ip, Family::ip6, Family::inet})
    if (words.size() == 3 && words[0] == name_of(family) && is_identifier(words[1], kMaxChainBytes) &&
        is_identifier(words[2], kMaxChainBytes))
      return Gate{family, std::string(words[1]), std::string(words[2])};
  return invalid("`{}` is neither `ip|ip6|inet TABLE CHAIN`, nor `static`, nor `none`", text);
}

PolicyReading read_policy(std::string_view text, std::string_view file) {
  Policy policy{.file = std::string(file)};
  if (text.size() > kMaxPolicyBytes)
    return std::unexpected(
        std::vector{Fault{policy.file, 0, fmt::format("the file has more than {} bytes", kMaxPolicyBytes)}});
  policy.digest = digest_of(text);
  auto [sections, faults] = read_ini(text, file);
  // Services first: an install must name those that exist.
  std::ranges::stable_partition(sections, [](const auto& it) { return it.kind == "service"; });
  for (const IniSection& section : sections) read_section(section, sections, policy, faults);
  if (std::ranges::find(sections, "broker", &IniSection::kind) == sections.end())
    faults.push_back({policy.file, 0, "there is no [broker] section"});
  std::ranges::stable_sort(faults, {}, &Fault::line);
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return policy;
}

}  // namespace certlatch
