// RPCs of ours at one peer that have nothing to do but to wait: the peer has shown that it knows
// them. None has a timer of its own; they take turns at being asked about, and one question shows
// for all of them that their host lives (docs/protocol.md#waiting).
#pragma once

#include <cstddef>

#include "base/time.h"
#include "core/config.h"
#include "core/liveness.h"
#include "core/rpc_line.h"

namespace homa::core {

class Watch {
 public:
  bool empty() const { return line_.empty(); }
  std::size_t size() const { return line_.size(); }
  // Not while it is in. The next questions come soon again, then at growing intervals.
  void add(Time now, Place& place, const CoreConfig& config);
  // Nothing happens if it is not in.
  void remove(Place& place) { line_.leave(place); }

  // When the next question is due; kNever while empty. `per_question`: RPCs that one packet asks
  // about. It may become later when the host is heard, and earlier by add().
  Time due(const Liveness& host, std::size_t per_question, const CoreConfig& config) const;
  // The RPC that was not asked about for the longest; it goes to the end of the line. Not while
  // empty().
  Rpc& next();
  // A question about those was sent.
  void asked(Time now, const CoreConfig& config);

 private:
  RpcLine line_;
  Time asked_at_{};       // or when the first one came
  Duration interval_{0};  // between questions to a host that is not heard otherwise; grows
};

}  // namespace homa::core
