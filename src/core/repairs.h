// Bytes that a peer was asked to send again, and what came from it since. While its data keeps
// arriving and is less than what it may have to send first, the bytes may still be in its queue:
// asking again would only lengthen it (docs/protocol.md#what-a-resend-asks-for).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace homa::core {

class Repairs {
 public:
  // Where in the peer's stream of data something has come, if it was not lost.
  using Mark = std::uint64_t;

  // `bytes` were asked for. Behind all that was asked for before, and `ahead` others, they end at
  // the mark.
  Mark asked(std::uint64_t bytes, std::uint64_t ahead) {
    asked_ = std::max(asked_, arrived_) + bytes;
    return asked_ + ahead;
  }
  // The peer heard that a request is unknown here: it sends all that it had sent of it, of which
  // `most` is the most that it can be.
  void asked_for_all(std::uint64_t most) { whole_ = asked(most, 0); }
  // Where the last of such requests ends at the latest.
  Mark whole() const { return whole_; }
  // Data came, of whatever message, and whether it was here already or not.
  void arrived(Time now, std::uint64_t bytes) {
    arrived_ += bytes;
    last_arrival_ = now;
  }

  std::uint64_t arrived_ever() const { return arrived_; }
  Time last_arrival() const { return last_arrival_; }
  // Data came within the last `lately`.
  bool arriving(Time now, Duration lately) const {
    return arrived_ > 0 && now - last_arrival_ < lately;
  }
  // What ends at `mark` is on its way: less has come, and the last of it within `lately`.
  bool under_way(Time now, Mark mark, Duration lately) const {
    return arrived_ < mark && arriving(now, lately);
  }

 private:
  Mark asked_ = 0, whole_ = 0, arrived_ = 0;
  Time last_arrival_{};
};

}  // namespace homa::core
