#include "homa/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <charconv>

namespace homa {
namespace {

Unexpected<Error> invalid(std::string text) {
  return Unexpected<Error>(Error{ErrorCode::kInvalidArgument, std::move(text)});
}

bool parse_number(std::string_view text, std::uint16_t& number) {
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
  const auto percent = text.find('%');
  if (percent != std::string_view::npos &&
      !parse_number(text.substr(percent + 1), address.udp_port)) {
    return invalid("address \"" + std::string(text) + "\": what follows % is not a UDP port");
  }
  if (!parse_ip(std::string(text.substr(0, percent)), address)) {
    return invalid("address \"" + std::string(text) + "\" is not an IPv4 or IPv6 address");
  }
  return address;
}

std::string Address::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_v4()) {
    inet_ntop(AF_INET, ip.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, ip.data(), text, sizeof text);
  }
  std::string result = text;
  if (udp_port != kDefaultUdpPort) result += "%" + std::to_string(udp_port);
  return result;
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
  const auto percent = bare.find('%');
  if (percent != std::string::npos &&
      !parse_number(bare.substr(percent + 1), result.host.udp_port)) {
    return invalid("address \"" + std::string(text) + "\": what follows % is not a UDP port");
  }
  if (!look_up(bare.substr(0, percent), result.host)) {
    return invalid("host \"" + bare.substr(0, percent) +
                   "\" is neither an IP address nor a known name");
  }
  return result;
}

std::string SocketAddress::to_string() const {
  const std::string text = host.to_string();
  if (host.is_v4()) return text + ":" + std::to_string(port);
  const auto percent = text.find('%');
  return "[" + text.substr(0, percent) + "]" +
         (percent == std::string::npos ? "" : text.substr(percent)) + ":" + std::to_string(port);
}

}  // namespace homa
