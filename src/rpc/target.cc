#include "rpc/target.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "base/failure.h"

namespace homa::rpc {
namespace {

using Servers = Result<std::vector<SocketAddress>, Error>;

Unexpected<Error> wrong(std::string_view target, const std::string& why) {
  return failure(ErrorCode::kInvalidArgument,
                 "target \"" + std::string(target) + "\": " + why +
                     "; a target is HOST:PORT, list:HOST:PORT,..., dns:///NAME:PORT or "
                     "file:///PATH");
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  text = text.substr(0, text.find('#'));
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

Result<void, Error> add(std::string_view target, std::string_view text,
                        std::vector<SocketAddress>& servers) {
  const auto address = SocketAddress::parse(text);
  if (!address) return wrong(target, address.error().text);
  servers.push_back(*address);
  return {};
}

Servers resolve_list(std::string_view target, std::string_view list) {
  std::vector<SocketAddress> servers;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (auto added = add(target, trimmed(list.substr(0, comma)), servers); !added) {
      return Unexpected(added.error());
    }
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return servers;
}

Servers resolve_file(std::string_view target, std::string_view path) {
  std::ifstream file{std::string(path)};
  if (!file) return wrong(target, "the file cannot be read");
  std::vector<SocketAddress> servers;
  for (std::string line; std::getline(file, line);) {
    const std::string_view text = trimmed(line);
    if (text.empty()) continue;
    if (auto added = add(target, text, servers); !added) return Unexpected(added.error());
  }
  return servers;
}

// The address in the form in which the library parses it; nullopt: of another family.
std::optional<Address> address_of(const addrinfo& info) {
  if (info.ai_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, info.ai_addr, sizeof(v4));
    const std::uint32_t ip = ntohl(v4.sin_addr.s_addr);
    return Address::v4(static_cast<std::uint8_t>(ip >> 24), static_cast<std::uint8_t>(ip >> 16),
                       static_cast<std::uint8_t>(ip >> 8), static_cast<std::uint8_t>(ip));
  }
  if (info.ai_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, info.ai_addr, sizeof(v6));
  Address address;
  std::memcpy(address.ip.data(), &v6.sin6_addr, address.ip.size());
  if (address.is_link_local()) address.scope = v6.sin6_scope_id;
  return address;
}

Servers resolve_dns(std::string_view target, std::string_view name_and_port) {
  const std::size_t colon = name_and_port.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong(target, "it names no port");
  // The port, and the UDP port where there is one, are read as everywhere.
  const auto port = SocketAddress::parse("0.0.0.0" + std::string(name_and_port.substr(colon)));
  if (!port) return wrong(target, port.error().text);
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const std::string name(name_and_port.substr(0, colon));
  if (const int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &found); error != 0) {
    return wrong(target, ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, ::freeaddrinfo);
  std::vector<SocketAddress> servers;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    const auto address = address_of(*info);
    if (!address) continue;
    const SocketAddress server{*address, port->port};
    if (std::find(servers.begin(), servers.end(), server) == servers.end()) {
      servers.push_back(server);
    }
  }
  return servers;
}

Servers resolve(std::string_view target) {
  const auto behind = [&](std::string_view scheme) -> std::optional<std::string_view> {
    if (!target.starts_with(scheme)) return std::nullopt;
    return target.substr(scheme.size());
  };
  if (const auto rest = behind("list:")) return resolve_list(target, *rest);
  if (const auto rest = behind("dns:///")) return resolve_dns(target, *rest);
  if (const auto rest = behind("file://")) return resolve_file(target, *rest);
  return resolve_list(target, target);
}

}  // namespace

Result<std::vector<SocketAddress>, Error> resolve_target(std::string_view target) {
  auto servers = resolve(target);
  if (servers && servers->empty()) return wrong(target, "it names no server");
  return servers;
}

}  // namespace homa::rpc
