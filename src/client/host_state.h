// A host: the engine, who runs it, and the sockets on it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "client/polled_driver.h"
#include "engine/engine.h"
#include "engine/engine_thread.h"
#include "homa/host.h"
#include "io/packet_io.h"

namespace homa::client {

class SocketState;

class HostState : public std::enable_shared_from_this<HostState> {
 public:
  static Result<std::shared_ptr<HostState>, Error> open(const HostConfig& config);
  ~HostState();
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  // Port 0: a client's socket.
  Result<std::shared_ptr<SocketState>, Error> open_socket(std::uint16_t port);
  // Shuts the sockets down, tells the peers, stops the engine. Received messages stay valid.
  void stop();

  const HostConfig& config() const { return config_; }
  const core::CoreConfig& core_config() const { return core_config_; }
  const io::IoCapabilities& capabilities() const { return capabilities_; }
  Address address() const { return capabilities_.local; }
  std::string description() const;
  std::vector<Counter> counters();
  std::size_t poll();

  // The polled engine's; nullptr: the engine has its own thread.
  PolledDriver* driver() { return driver_ ? &*driver_ : nullptr; }
  std::span<const std::byte> receive_memory() const { return receive_memory_; }
  int wake_fd() const { return wake_.get(); }

 private:
  HostState(const HostConfig& config, const core::CoreConfig& core_config,
            const io::IoCapabilities& capabilities, base::Descriptor wake);
  // Runs `task` while nobody else touches the engine, and waits for it.
  template <typename Task>
  void with_engine(Task task);

  const HostConfig config_;
  const core::CoreConfig core_config_;
  const io::IoCapabilities capabilities_;
  base::Descriptor wake_;         // an eventfd
  base::Descriptor cpu_latency_;  // open: the limit holds
  std::unique_ptr<engine::Engine> engine_;
  std::span<const std::byte> receive_memory_;
  std::optional<PolledDriver> driver_;
  std::optional<engine::EngineThread> thread_;

  std::mutex mutex_;
  std::vector<std::weak_ptr<SocketState>> sockets_;
  bool stopped_ = false;
};

}  // namespace homa::client
