// Events for applications, in order. Its length is bounded by what is in progress: an RPC makes at
// most one head, one delivery or failure and one kTransmitDone at each end.
#pragma once

#include <optional>

#include "base/growing_queue.h"
#include "core/packets.h"
#include "core/rpc_table.h"

namespace homa::core {

class EventQueue {
 public:
  // Makes room for all events that so many RPCs in progress may still have, so that none of these
  // meets a want of memory. False: there is none.
  [[nodiscard]] bool reserve_for(std::size_t rpcs) {
    const std::size_t events = events_.size() + kPerRpc * rpcs;
    return events <= events_.capacity() || grow(events);
  }

  // The whole message of `rpc` is in its buffer: a request (served), or a response.
  void message(const Rpc& rpc);
  // The first `bytes` of a request are there.
  void head(const Rpc& rpc, std::uint32_t bytes);
  void failed(const Rpc& rpc, ErrorCode code);
  void transmit_done(const Rpc& rpc);

  std::optional<Event> next();

 private:
  // A head, a delivery, a failure, the end of what it sends.
  static constexpr std::size_t kPerRpc = 4;

  bool grow(std::size_t events);
  Event& push(Event::Kind kind, const Rpc& rpc);

  base::GrowingQueue<Event> events_;
};

}  // namespace homa::core
