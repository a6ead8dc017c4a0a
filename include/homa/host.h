// A host: one Homa engine (protocol, packets, clock) and the sockets on it. A process needs one.
// The engine is in this process, or in homad, which has one for all programs of a machine.
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
#include "homa/log.h"
#include "homa/result.h"
#include "homa/socket.h"

namespace homa {

namespace client {
class HostState;
}

enum class EngineChoice : std::uint8_t {
  kAuto,    // homad's where its socket answers and nothing is asked for that only an own engine
            // does (Packets, parameters, Faults, coalesce, cpu_latency); else an own one
  kOwn,     // an engine in this process
  kDaemon,  // homad's; an error where there is none
};

struct HostConfig {
  EngineChoice engine = EngineChoice::kAuto;
  // Where homad listens; empty: the environment variable HOMA_DAEMON, else /run/homa/homad.sock.
  // "off" there: kAuto means kOwn.
  std::string daemon_socket{};

  // --- Packets ---
  std::string backend = "udp";  // "udp": no privilege needed; "raw": IP protocol 146; "auto"
  std::string address{};        // local IP address; empty: any
  std::string interface {};     // network device; empty: the one that holds `address`
  std::uint16_t udp_port = kDefaultUdpPort;  // 0: any free port (clients only need that)
  std::uint32_t mtu = 0;                     // 0: the device's

  // --- Engine ---
  // The engine is run by a thread that waits in a call of this host. When no thread has waited for
  // `takeover`, a thread of the library runs it, until one waits again: so packets are answered
  // while the application is busy. It may find that out four times `takeover` later, where threads
  // came and went before. 10 us to 10 s.
  std::chrono::microseconds takeover{1000};
  // False: only the library's thread runs the engine. Each message then costs a hand-over between
  // threads, and a call returns without having sent anything itself.
  bool run_in_callers = true;
  // Who runs the engine looks for packets so long after the last work before it sleeps. 0: sleeps
  // at once. It also does where looking does not pay: because the peer waits for the same
  // processor, for instance. A thread that waits for another one's engine looks so long for its
  // message, too.
  std::chrono::microseconds poll{50};
  // Without run_in_callers: threads that may look so at one socket at once; the others sleep.
  std::uint32_t pollers_max = 1;
  // While its link is busy, an engine that sleeps looks for packets at this interval instead of
  // waking for each; 0: it always wakes. Not set: by the link, the time of two and a half packets
  // below 10 Gbit/s and at most 150 us, else 0.
  std::optional<std::chrono::microseconds> coalesce{};
  // Keep the machine's processors out of idle states that they leave more slowly than this, as long
  // as the host lives (/dev/cpu_dma_latency: needs root). Not set: the system's own choice.
  std::optional<std::chrono::microseconds> cpu_latency{};

  // --- Memory ---
  std::uint64_t receive_bytes = 64 << 20;   // region for incoming messages
  std::uint64_t transmit_bytes = 64 << 20;  // per socket: copies of outgoing messages
  // A message that comes and finds no room waits as long as its peer lives, until the application
  // has released others. False: after buffer_wait_max (docs/operating.md) its RPC fails.
  bool wait_for_memory = false;

  // --- Protocol: any field of core::CoreConfig by name, for instance {"unscheduled_bytes",
  // "20000"}; docs/operating.md lists them. An unknown name or a value out of range is refused.
  std::map<std::string, std::string> parameters{};

  // --- Faults, for tests: fractions of sent packets ---
  double loss = 0, duplication = 0, reordering = 0;
  std::uint64_t fault_seed = 1;
  std::string pcap{};  // write every packet to this file; empty: no

  // What an operator wants to know of an engine in this process: parameters that were changed,
  // RPCs that failed with a new error or peer. Empty: nobody is told. What happens in homad is in
  // homad's log.
  LogFunction log{};
};

struct Counter {
  std::string name{}, meaning{};
  std::uint64_t value = 0;
};

// fork(): a host and its sockets stay with the process that opened them. In a child every call
// gives kWrongProcess, and destroying the copies does nothing (docs/operating.md#processes).
class Host {
 public:
  // The error names what was tried, on what, and what to do. Neither this nor any other function of
  // the interface throws: without memory the error is kNoMemory, and nothing is half done.
  static Result<Host, Error> open(const HostConfig& config = {});

  Host(Host&&) noexcept;
  Host& operator=(Host&&) noexcept;
  ~Host();  // shuts every socket down, tells the peers, stops the engine

  // A client's socket on a free port.
  Result<Socket, Error> client();
  // A client's socket whose messages will lie in memory of the application's: they wait until
  // Socket::give_memory(). kInvalidArgument: the engine is homad's, which cannot write there.
  Result<Socket, Error> client_with_own_memory();
  // A server's socket on `port` (1..32767).
  Result<Socket, Error> serve(std::uint16_t port);

  Address address() const;  // as peers see it; UDP port included
  // "udp 10.0.0.1%54321, packets of 1472 bytes, 10 Gbit/s"; with "homad, " in front where the
  // engine is homad's. Empty when there is no memory for it.
  std::string description() const;
  std::vector<Counter> counters() const;  // the same

  // Does what is due now, without waiting, and returns how much that was; 0 while another thread
  // runs the engine. Nobody needs to call it.
  std::size_t poll();

 private:
  Result<Socket, Error> open_socket(std::uint16_t port, bool own_memory = false);
  explicit Host(std::shared_ptr<client::HostState> state);
  std::shared_ptr<client::HostState> state_;
};

}  // namespace homa
