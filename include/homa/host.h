// A host: one Homa engine (protocol, packets, clock) and the sockets on it. A process needs one.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "homa/address.h"
#include "homa/error.h"
#include "homa/result.h"
#include "homa/socket.h"

namespace homa {

namespace client {
class HostState;
}

struct HostConfig {
  // --- Packets ---
  std::string backend = "udp";  // "udp": no privilege needed; "raw": IP protocol 146; "auto"
  std::string address;          // local IP address; empty: any
  std::string interface;        // network device; empty: the one that holds `address`
  std::uint16_t udp_port = kDefaultUdpPort;  // 0: any free port (clients only need that)
  std::uint32_t mtu = 0;                     // 0: the device's

  // --- Engine ---
  enum class Engine : std::uint8_t {
    kThreaded,  // the library runs the engine in a thread of its own
    kPolled,    // the engine runs inside this host's calls: lowest latency, one busy core
  };
  Engine engine = Engine::kThreaded;
  // A waiter (in receive(), or the engine's own thread) polls this long before it sleeps.
  std::chrono::microseconds poll{50};
  std::uint32_t pollers_max = 1;  // threads that may poll one socket at once; the rest sleep
  // While its link is busy, an engine that sleeps looks for packets at this interval instead of
  // waking for each; 0: it always wakes. Not set: by the link, a packet's time below 10 Gbit/s
  // and at most 150 us, else 0.
  std::optional<std::chrono::microseconds> coalesce;
  // Polled engine: while further messages are ready to be received, what a socket sends waits, and
  // up to so many requests and replies leave together, at the latest when the application looks for
  // a message and none is ready. For applications that are done with a message in microseconds:
  // more messages per second, but each waits for the work on the next one. 1: each leaves at once.
  std::uint32_t send_batch = 1;  // 1..256
  // Keep the machine's processors out of idle states that they leave more slowly than this, as long
  // as the host lives (/dev/cpu_dma_latency: needs root). Not set: the system's own choice.
  std::optional<std::chrono::microseconds> cpu_latency;

  // --- Memory ---
  std::uint64_t receive_bytes = 64 << 20;   // region for incoming messages
  std::uint64_t transmit_bytes = 64 << 20;  // per socket: copies of outgoing messages

  // --- Protocol: any field of core::CoreConfig by name, for instance {"unscheduled_bytes",
  // "20000"}; docs/operating.md lists them. An unknown name or a value out of range is refused.
  std::map<std::string, std::string> parameters;

  // --- Faults, for tests: fractions of sent packets ---
  double loss = 0, duplication = 0, reordering = 0;
  std::uint64_t fault_seed = 1;
  std::string pcap;  // write every packet to this file; empty: no
};

struct Counter {
  std::string name, meaning;
  std::uint64_t value = 0;
};

class Host {
 public:
  // The error names what was tried, on what, and what to do.
  static Result<Host, Error> open(const HostConfig& config = {});

  Host(Host&&) noexcept;
  Host& operator=(Host&&) noexcept;
  ~Host();  // shuts every socket down, tells the peers, stops the engine

  // A client's socket on a free port.
  Result<Socket, Error> client();
  // A server's socket on `port` (1..32767).
  Result<Socket, Error> serve(std::uint16_t port);

  Address address() const;          // as peers see it; UDP port included
  std::string description() const;  // "udp 10.0.0.1%54321, mtu 1500, 10 Gbit/s, polled"
  std::vector<Counter> counters() const;

  // Polled engine: does what is due now and returns how much that was. Harmless otherwise.
  std::size_t poll();

 private:
  explicit Host(std::shared_ptr<client::HostState> state);
  std::shared_ptr<client::HostState> state_;
};

}  // namespace homa
