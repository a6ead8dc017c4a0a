// Events for applications, in order. Its length is bounded by what is in progress: an RPC makes at
// most one delivery or failure and one kTransmitDone at each end.
#pragma once

#include <optional>

#include "base/growing_queue.h"
#include "core/packets.h"
#include "core/rpc_table.h"

namespace homa::core {

class EventQueue {
 public:
  // The whole message of `rpc` is in its buffer: a request (served), or a response.
  void message(const Rpc& rpc);
  void failed(const Rpc& rpc, ErrorCode code);
  void transmit_done(const Rpc& rpc);

  std::optional<Event> next();

 private:
  Event& push(Event::Kind kind, const Rpc& rpc);

  base::GrowingQueue<Event> events_;
};

}  // namespace homa::core
