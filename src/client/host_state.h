// A host: the link to its engine, and the sockets on it.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "client/in_process_link.h"
#include "core/config.h"
#include "homa/host.h"
#include "io/packet_io.h"

namespace homa::client {

class SocketState;

class HostState {
 public:
  static Result<std::shared_ptr<HostState>, Error> open(const HostConfig& config);
  ~HostState();
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  // Port 0: a client's socket.
  Result<std::shared_ptr<SocketState>, Error> open_socket(std::uint16_t port);
  // Shuts the sockets down, tells the peers, stops the engine. Received messages stay valid.
  void stop();

  bool inherited() const { return link_->inherited(); }
  Address address() const { return capabilities_.local; }
  std::string description() const;
  std::vector<Counter> counters() const;
  std::size_t poll() { return link_->poll(); }

 private:
  HostState(const HostConfig& config, const core::CoreConfig& core_config,
            const io::IoCapabilities& capabilities, std::shared_ptr<InProcessLink> link,
            base::Descriptor cpu_latency);

  const HostConfig config_;
  const core::CoreConfig core_config_;
  const io::IoCapabilities capabilities_;
  const base::Descriptor cpu_latency_;  // open: the limit holds
  const std::shared_ptr<InProcessLink> link_;

  std::mutex mutex_;
  std::vector<std::weak_ptr<SocketState>> sockets_;
  bool stopped_ = false;
};

}  // namespace homa::client
