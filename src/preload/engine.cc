#include "preload/engine.h"

#include <cerrno>
#include <utility>

#include "preload/socket_addresses.h"

namespace homa::preload {

// Clients need no particular UDP port. So a program that finds the servers' port taken works as a
// client, and bind() says why it cannot be a server.
Result<std::shared_ptr<Engine>, Failure> Engine::open(const HostConfig& config) {
  HostConfig own = config;
  own.wait_for_memory = true;  // as with the module
  // The port of homad's engine is homad's affair.
  if (config.engine == EngineChoice::kDaemon) own.udp_port = kDefaultUdpPort;
  auto host = Host::open(own);
  bool elsewhere = false;
  if (!host && config.backend == "udp") {
    own.udp_port = 0;
    if (auto client = Host::open(own)) {
      host = std::move(client);
      elsewhere = true;
    }
  }
  if (!host) return refuse(host.error());
  // Where nothing else is said, one homad reaches others at the port that it has itself.
  const bool is_homads = host->description().starts_with("homad, ");
  const bool is_said = config.udp_port != kDefaultUdpPort;
  const std::uint16_t peers = is_homads && !is_said ? host->address().udp_port : config.udp_port;
  auto engine = std::make_shared<Engine>(std::move(host).value());
  engine->peer_udp_port_ = peers;
  engine->is_homads_ = is_homads;
  engine->own_ = engine->host_->address();
  engine->elsewhere_ = elsewhere;
  return engine;
}

Result<Engine::Client, Failure> Engine::client() {
  const std::lock_guard lock(mutex_);
  if (!host_) return refuse(ESHUTDOWN, "the program ends");
  auto socket = is_homads_ ? host_->client() : host_->client_with_own_memory();
  if (!socket) return refuse(socket.error());
  return Client{std::move(socket).value(), !is_homads_};
}

SocketAddress Engine::way_to(const SocketAddress& server, int family) const {
  if (!names_this_host(server.host) || names_this_host(own_) || !can_name(own_, family)) {
    return server;
  }
  SocketAddress own = server;
  own.host.ip = own_.ip;
  own.host.scope = own_.scope;
  return own;
}

const char* Engine::cannot_serve() const {
  if (!elsewhere_) return nullptr;
  return "another program has the UDP port of servers; use homad, another address or another port";
}

void Engine::poll() {
  const std::lock_guard lock(mutex_);
  if (host_) host_->poll();
}

void Engine::close() {
  const std::lock_guard lock(mutex_);
  host_.reset();
}

}  // namespace homa::preload
