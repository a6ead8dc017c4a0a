// The one host of a preloaded program, opened when the program opens its first Homa socket.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "homa/address.h"
#include "homa/host.h"
#include "homa/result.h"
#include "homa/socket.h"
#include "preload/failure.h"

namespace homa::preload {

class Engine {
 public:
  static Result<std::shared_ptr<Engine>, Failure> open(const HostConfig& config);
  explicit Engine(Host host) : host_(std::move(host)) {}

  struct Client {
    Socket socket;
    // The engine will put messages into memory of the program's own (Socket::give_memory()). homad
    // cannot: docs/decisions/0018-memory-of-kernel-programs.md.
    bool places_messages = false;
  };
  Result<Client, Failure> client();
  // What peers' engines listen on, where they use UDP: addresses of sockets have no place for it.
  std::uint16_t peer_udp_port() const { return peer_udp_port_; }
  bool is_homads() const { return is_homads_; }
  // Where a request for `server` goes: an engine that has one address is not at the loopback
  // address.
  SocketAddress way_to(const SocketAddress& server, int family) const;
  // Why no socket here can be a server's; nullptr: it can.
  const char* cannot_serve() const;
  // Does what is due now, for a thread that waits for room to send.
  void poll();
  // Tells the peers and ends. Sockets fail from now on.
  void close();

 private:
  std::mutex mutex_;
  std::optional<Host> host_;  // until close()
  std::uint16_t peer_udp_port_ = kDefaultUdpPort;
  Address own_;  // this host's; of no host: any
  bool is_homads_ = false;
  bool elsewhere_ = false;  // another program has the UDP port where peers look for servers
};

}  // namespace homa::preload
