#include "tools/options/server_address.h"

#include <fmt/format.h>

#include "base/failure.h"

namespace homa::tools {
namespace {

constexpr std::uint16_t kServerPortMax = 32'767;

bool has_port(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return false;
  // An IPv6 address without brackets is full of colons, and none of them is for a port.
  const bool bare_v6 = text.front() != '[' && text.find(':') != colon;
  return !bare_v6 && text.find(']', colon) == std::string::npos;
}

std::string with_port(const std::string& text) {
  const bool bare_v6 = text.find(':') != std::string::npos && text.front() != '[';
  if (!bare_v6) return fmt::format("{}:{}", text, kDefaultServerPort);
  const auto percent = std::min(text.find('%'), text.size());
  return fmt::format("[{}]{}:{}", text.substr(0, percent), text.substr(percent),
                     kDefaultServerPort);
}

}  // namespace

Result<SocketAddress, Error> parse_server(const std::string& text) {
  if (text.empty()) {
    return failure(ErrorCode::kInvalidArgument, "the server's address is empty");
  }
  const auto server = SocketAddress::parse(has_port(text) ? text : with_port(text));
  if (!server) return server;
  if (server->port == 0 || server->port > kServerPortMax) {
    return failure(
        ErrorCode::kInvalidArgument,
        fmt::format("\"{}\": servers have ports 1 to {}, not {}; without a port it is {}", text,
                    kServerPortMax, server->port, kDefaultServerPort));
  }
  return server;
}

}  // namespace homa::tools
