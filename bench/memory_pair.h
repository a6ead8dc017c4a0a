// Two endpoints in one thread, joined by memory: what the protocol itself costs, without I/O.
//
// A packet is put together as on a wire (header, then payload copied from the sender's message) and
// its payload is copied once more into the receive region, as an engine does. The server answers
// every request with a message of the same length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/endpoint.h"
#include "trace/trace.h"

namespace homa::bench {

struct MemoryPairConfig {
  std::uint32_t message_bytes = 32;
  std::uint32_t outstanding = 1;  // RPCs the client keeps in progress
  std::uint32_t peers = 1;        // addresses that each side sees
};

class MemoryPair {
 public:
  explicit MemoryPair(const MemoryPairConfig& config);

  // Completes `rpcs` more RPCs; further ones stay in progress. False: one failed, or nothing moves.
  bool run(std::uint64_t rpcs);

  std::uint64_t completed() const { return completed_; }
  std::uint64_t packets() const { return packets_; }

 private:
  struct Side {
    Side(const core::CoreConfig& config, std::uint64_t seed);
    trace::Recorder recorder;
    core::Endpoint endpoint;
    std::vector<std::byte> region;
  };

  void start_some();
  std::size_t carry(Side& from, Side& to, std::uint8_t from_subnet, std::uint8_t to_subnet);
  bool take_client_events();
  bool take_server_events();
  Time now();

  MemoryPairConfig config_;
  Time time_{};
  std::vector<std::byte> message_;  // transmit memory of both sides
  Side client_;
  Side server_;
  Port client_port_{};
  std::vector<core::TxPacket> packets_out_;
  std::vector<std::byte> wire_;
  std::uint32_t in_progress_ = 0;
  std::uint32_t next_peer_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t packets_ = 0;
  bool failed_ = false;
};

}  // namespace homa::bench
