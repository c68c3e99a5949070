// SPDX-License-Identifier: MIT
#include "policy/tool/host.h"

#include <fmt/format.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "policy/ini_file.h"
#include "protocol/unique_fd.h"

namespace certlatch {
namespace {

template <class Each>
void for_each_line(const char* path, Each each) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) each(split(line));
}

void add(std::vector<std::string>& names, std::string_view name) {
  if (name != "lo" && std::ranges::find(names, name) == names.end()) names.emplace_back(name);
}

bool is_zero(std::string_view digits) { return digits.find_first_not_of('0') == digits.npos; }

std::vector<std::string> with_default_route() {
  std::vector<std::string> names;
  for_each_line("/proc/net/route", [&](const auto& fields) {
    if (fields.size() > 7 && is_zero(fields[1]) && is_zero(fields[7])) add(names, fields[0]);
  });
  for_each_line("/proc/net/ipv6_route", [&](const auto& fields) {
    if (fields.size() > 9 && is_zero(fields[0]) && is_zero(fields[1])) add(names, fields[9]);
  });
  return names;
}

}  // namespace

Interfaces outward_interfaces() {
  Interfaces found{with_default_route(), true};
  if (!found.names.empty()) return found;
  found.have_default_route = false;
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> all(if_nameindex(),
                                                                              &if_freenameindex);
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  for (const auto* each = all.get(); each != nullptr && each->if_index != 0; ++each) {
    struct ifreq request {};
    std::string_view(each->if_name).copy(request.ifr_name, IFNAMSIZ - 1);
    const bool is_told = ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0;
    const int flags = is_told ? request.ifr_flags : 0;
    if ((flags & IFF_UP) != 0 && (flags & IFF_LOOPBACK) == 0) add(found.names, each->if_name);
  }
  return found;
}

bool is_listened_on(std::uint16_t port) {
  bool is_found = false;
  const std::string wanted = fmt::format(":{:04X}", port);
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    for_each_line(path, [&](const auto& fields) {
      constexpr std::string_view kListening = "0A";
      is_found = is_found || (fields.size() > 3 && fields[1].ends_with(wanted) && fields[3] == kListening);
    });
  }
  return is_found;
}

std::vector<Family> legacy_filters() {
  std::vector<Family> families;
  const auto look = [&](Family family, const char* path) {
    for_each_line(path, [&](const auto& fields) {
      if (!fields.empty() && fields[0] == "filter") families.push_back(family);
    });
  };
  look(Family::ip, "/proc/net/ip_tables_names");
  look(Family::ip6, "/proc/net/ip6_tables_names");
  return families;
}

}  // namespace certlatch
