#include "homa/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>

#include "base/failure.h"

namespace homa {
namespace {

Unexpected<Error> invalid(std::string text) {
  return failure(ErrorCode::kInvalidArgument, std::move(text));
}

template <typename T>
bool parse_number(std::string_view text, T& number) {
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  return status == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool parse_ip(const std::string& text, Address& address) {
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    const auto port = address.udp_port;
    const auto* b = reinterpret_cast<const std::uint8_t*>(&v4);
    address = Address::v4(b[0], b[1], b[2], b[3], port);
    return true;
  }
  return inet_pton(AF_INET6, text.c_str(), address.ip.data()) == 1;
}

bool parse_device(std::string_view text, std::uint32_t& index) {
  if (text.starts_with('#')) return parse_number(text.substr(1), index) && index != 0;
  index = if_nametoindex(std::string(text).c_str());
  return index != 0;
}

// What follows the IP address: "", "%DEVICE", "%PORT" or "%DEVICE%PORT". All digits are a port.
bool parse_suffix(std::string_view text, Address& address) {
  const auto last = text.rfind('%');
  if (last == std::string_view::npos) return text.empty();
  std::string_view device = text.substr(0, last);
  if (!parse_number(text.substr(last + 1), address.udp_port)) {
    if (!device.empty()) return false;
    device = text;
  }
  if (device.empty()) return true;
  return address.is_link_local() && parse_device(device.substr(1), address.scope);
}

std::string ip_text(const Address& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.is_v4()) {
    inet_ntop(AF_INET, address.ip.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, address.ip.data(), text, sizeof text);
  }
  return text;
}

std::string device_text(const Address& address) {
  if (address.scope == 0) return "";
  char name[IF_NAMESIZE] = {};
  if (if_indextoname(address.scope, name) == nullptr) return "%#" + std::to_string(address.scope);
  return std::string("%") + name;
}

std::string port_text(const Address& address) {
  return address.udp_port == kDefaultUdpPort ? "" : "%" + std::to_string(address.udp_port);
}

constexpr const char* kBadSuffix =
    "\": what follows % is neither a UDP port nor, in a link-local address, a device of this host";

bool look_up(const std::string& name, Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0 || found == nullptr) return false;
  char text[INET6_ADDRSTRLEN] = {};
  if (found->ai_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr, text,
              sizeof text);
  } else {
    inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(found->ai_addr)->sin6_addr, text,
              sizeof text);
  }
  freeaddrinfo(found);
  return parse_ip(text, address);
}

}  // namespace

Result<Address, Error> Address::parse(std::string_view text) {
  Address address;
  const auto percent = std::min(text.find('%'), text.size());
  const std::string_view suffix = text.substr(percent);
  if (!parse_ip(std::string(text.substr(0, percent)), address)) {
    return invalid("address \"" + std::string(text) + "\" is not an IPv4 or IPv6 address");
  }
  if (!parse_suffix(suffix, address)) {
    return invalid("address \"" + std::string(text) + kBadSuffix);
  }
  return address;
}

std::string Address::to_string() const {
  return ip_text(*this) + device_text(*this) + port_text(*this);
}

Result<SocketAddress, Error> SocketAddress::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  SocketAddress result;
  if (colon == std::string_view::npos) {
    return invalid("address \"" + std::string(text) + "\" has no port: append one, as in :4000");
  }
  const std::string_view port = text.substr(colon + 1);
  if (!parse_number(port, result.port)) {
    return invalid("address \"" + std::string(text) + "\": \"" + std::string(port) +
                   "\" is not a port, which is a number from 1 to 65535");
  }
  if (colon == 0) {
    return invalid("address \"" + std::string(text) + "\" has no host in front of its port");
  }
  std::string_view host = text.substr(0, colon);
  std::string bare(host);
  const auto close = host.find(']');
  if (!host.empty() && host.front() == '[' && close != std::string_view::npos) {
    bare = std::string(host.substr(1, close - 1)) + std::string(host.substr(close + 1));
  }
  if (auto parsed = Address::parse(bare)) {
    result.host = *parsed;
    return result;
  }
  const auto percent = std::min(bare.find('%'), bare.size());
  const std::string name = bare.substr(0, percent);
  Address ignored;
  if (!parse_ip(name, ignored) && !look_up(name, result.host)) {
    return invalid("host \"" + name + "\" is neither an IP address nor a known name");
  }
  if (!parse_suffix(std::string_view(bare).substr(percent), result.host)) {
    return invalid("address \"" + std::string(text) + kBadSuffix);
  }
  return result;
}

std::string SocketAddress::to_string() const {
  const std::string ip = ip_text(host) + device_text(host);
  return (host.is_v4() ? ip : "[" + ip + "]") + port_text(host) + ":" + std::to_string(port);
}

}  // namespace homa
