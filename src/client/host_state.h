// A host: the link to its engine, and the sockets on it.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/engine_link.h"
#include "homa/host.h"

namespace homa::client {

class SocketState;

class HostState {
 public:
  static Result<std::shared_ptr<HostState>, Error> open(const HostConfig& config);
  ~HostState();
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  // Port 0: a client's socket. `apart`: its messages will lie in memory of the application's.
  Result<std::shared_ptr<SocketState>, Error> open_socket(std::uint16_t port, bool apart = false);
  // Shuts the sockets down, tells the peers, stops the engine. Received messages stay valid.
  void stop();

  bool inherited() const { return link_->inherited(); }
  Address address() const { return link_->address(); }
  std::string description() const { return link_->description(); }
  std::vector<Counter> counters() const { return link_->counters(); }
  std::size_t poll() { return link_->poll(); }

 private:
  Result<std::shared_ptr<SocketState>, Error> try_open_socket(std::uint16_t port, bool apart);
  explicit HostState(std::shared_ptr<EngineLink> link);

  const std::shared_ptr<EngineLink> link_;

  std::mutex mutex_;
  std::vector<std::weak_ptr<SocketState>> sockets_;
  bool stopped_ = false;
};

}  // namespace homa::client
