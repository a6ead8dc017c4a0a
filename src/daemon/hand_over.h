// One homad takes another one's place: it gets the sockets that programs and packets come to, so
// that no program is refused and no packet lost meanwhile (docs/operating.md#upgrade).
#pragma once

#include <optional>
#include <string>

#include "base/descriptor.h"
#include "base/time.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::daemon {

// A listening socket, and what keeps other homads away from it as long as it is open.
struct Listener {
  base::Descriptor socket, lock;
};

// What a homad leaves to the next one.
struct Inheritance {
  Listener listener;
  base::Descriptor packets;  // see io::IoConfig::inherited_socket; invalid: the back end has none
};

// Asks the homad at `path` for its place, and waits until it has left: a second at most, if it
// does as it should. nullopt: nobody listens there. kNotPermitted: it belongs to another user.
// kInUse: it is being replaced already. kSystem.
Result<std::optional<Inheritance>, Error> take_over(const std::string& path);
// What is left goes to who asked, over its connection. False: nobody is there to take it.
bool hand_over(int connection, const Listener& listener, int packets);

// When the homad that is to leave may: once nothing has been in progress for a while, because what
// was in progress has ended and nothing begins any more; or when that takes too long.
class Leaving {
 public:
  static constexpr Duration kQuiet{20'000'000};
  static constexpr Duration kAtMost{500'000'000};
  static constexpr Duration kLook{1'000'000};  // so often

  explicit Leaving(Time now) : began_(now), quiet_since_(now) {}
  // `in_progress`: RPCs, or anything else that was done since the last call.
  bool may_leave(Time now, bool in_progress) {
    if (in_progress) quiet_since_ = now;
    return now - quiet_since_ >= kQuiet || now - began_ >= kAtMost;
  }

 private:
  Time began_;
  Time quiet_since_;
};

}  // namespace homa::daemon
