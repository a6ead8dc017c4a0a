// Opens a back end by name, as every tool's command line and every Host does.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "homa/error.h"
#include "homa/result.h"
#include "io/packet_io.h"

namespace homa::io {

// Faults that decorators add on the sending side. Fractions are 0..1.
struct SendFaults {
  double loss = 0;
  double duplication = 0;
  double reordering = 0;                              // fraction of packets held back
  std::chrono::nanoseconds reorder_delay{1'000'000};  // and for how long
  std::uint64_t seed = 1;
  bool any() const { return loss > 0 || duplication > 0 || reordering > 0; }
};

struct IoConfig {
  std::string backend = "udp";  // "udp", "raw", "xdp" (or "xdp:OPTION=VALUE,..."), "auto"
  std::string address;          // local IP address; empty: the only or default one (udp: any)
  std::string interface;        // device; empty: the one that holds `address`
  std::uint16_t udp_port = kDefaultUdpPort;     // udp, xdp; 0: any free one
  std::uint32_t mtu = 0;                        // 0: the device's
  std::uint32_t socket_buffer_bytes = 8 << 20;  // kernel socket buffers, where there are any
  // udp: a socket of a process whose place we take, used if it is bound to what is asked for here,
  // so that no packet is lost; -1: none. It stays the caller's.
  int inherited_socket = -1;
  std::string chosen_because;  // set by "auto": goes into the note in the capabilities
  SendFaults faults;
  std::string pcap;  // write every packet to this file; empty: no
};

// The back end with the decorators that `config` asks for. The error names what was tried, on what,
// and what to do.
Result<std::unique_ptr<PacketIo>, Error> open(const IoConfig& config);

// Bits per second of a network device; 0 where the kernel does not know (veth without a qdisc).
std::uint64_t link_rate(const std::string& interface);

}  // namespace homa::io
