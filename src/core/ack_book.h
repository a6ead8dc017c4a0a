// The acks that this client owes one server (docs/protocol.md#acks).
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "wire/header.h"

namespace homa::core {

class AckBook {
 public:
  // Full: send what is owed in an ACK packet, whose own id carries one more.
  bool full() const { return count_ == owed_.size(); }
  std::size_t size() const { return count_; }

  // Not when full().
  void add(wire::Ack ack);
  // One ack to ride on a request; client id 0 when none is owed.
  wire::Ack take_one();
  // All of them, into an ACK packet.
  void take_all(wire::AckHeader& packet);

 private:
  std::array<wire::Ack, wire::kNamesPerPacket> owed_{};
  std::size_t count_ = 0;
};

}  // namespace homa::core
