// A socket's descriptor for poll() and epoll: readable while there is something to receive, and
// writable while there is room to send.
//
// The descriptor is a signal of the channel. Two raise it: the engine, once for each time that it
// was armed, when a message comes; and this side, when it finds messages before the engine did.
// Only this side makes it unreadable again. In the same way this side makes it not writable, and
// the engine, once for each time that it was asked, writable when transmit memory came back.
//
// One thread at a time (the socket's lock).
#pragma once

#include <cstdint>

#include "channel/application_end.h"

namespace homa::client {

class ReadyDescriptor {
 public:
  explicit ReadyDescriptor(channel::ApplicationEnd& channel) : channel_(channel) {}

  bool used() const { return state_ != State::kUnused; }
  // The application asked for the descriptor: from now on it is kept up to date. kSystem.
  Result<int, Error> use();
  // `readable`: there is something to receive, or the socket has ended. True: the engine was asked
  // anew to write it when something comes, so look for completions once more.
  bool update(bool readable);
  // `room`: the longest message would find transmit memory. True: look once more, as above.
  bool update_room(bool room);
  // The application found no room although the descriptor may have told it to send.
  void no_room_was_there();
  // The application found nothing although the descriptor may have told it to look: a write that
  // the engine was about to do when update() last looked has come since. Undoes it.
  void nothing_was_there();

 private:
  enum class State : std::uint8_t {
    kUnused,    // nobody asked for it
    kQuiet,     // not readable, or about to be: the engine is to write it
    kReadable,  // readable, or about to be: a write is under way
  };

  channel::ApplicationEnd& channel_;
  State state_ = State::kUnused;
  bool blocked_ = false;  // not writable; the engine was asked to change that
};

}  // namespace homa::client
