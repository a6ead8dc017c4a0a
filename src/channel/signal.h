// A descriptor that one side makes readable, or writable again, and another, which need not be
// trusted, polls.
//
// It is one end of a pair of connected sockets: readable when something was sent to it, and
// writable when little that was sent by it waits at the other end. Whatever its holder does to it
// (fill it, empty it, make it blocking, shut it down, close it), no call here blocks: unlike for an
// eventfd, the flags of a call decide that, and not those of a descriptor that others can change.
#pragma once

#include <utility>

#include "base/descriptor.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::channel {

class Signal {
 public:
  static Result<Signal, Error> create();  // kSystem
  // The end that raises, as another process passed it. kInvalidArgument: it is no such socket.
  static Result<Signal, Error> of_writer(base::Descriptor writer);

  int reader() const { return reader_.get(); }           // to be polled for reading
  int writer() const { return writer_.get(); }           // for another process that is to raise it
  void close_reader() { reader_ = base::Descriptor(); }  // nobody polls it any more
  void raise() const;                                    // makes it readable
  bool clear() const;                                    // and unreadable; whether it was readable
  void block() const;                                    // makes it not writable; needs both ends
  void unblock() const;                                  // and writable

 private:
  Signal(base::Descriptor reader, base::Descriptor writer)
      : reader_(std::move(reader)), writer_(std::move(writer)) {}

  base::Descriptor reader_, writer_;
};

}  // namespace homa::channel
