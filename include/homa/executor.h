// Where completions run: the interface between asynchronous sockets (homa/async.h) and whatever
// loop a program has. homa/event_loop.h and homa/asio.h implement it.
#pragma once

#include <functional>
#include <memory>

#include "homa/error.h"
#include "homa/result.h"

namespace homa {

// One thread at a time runs an executor's work. It outlives the sockets that use it.
class Executor {
 public:
  using Work = std::function<void()>;
  // Destroying it ends the watch: `ready` is not called again. In the executor's thread, also from
  // within `ready`.
  class Watch {
   public:
    Watch() = default;
    virtual ~Watch() = default;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
  };

  Executor() = default;
  virtual ~Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Runs `work` soon in the executor's thread, never inside this call, in the order of the calls.
  // Any thread.
  virtual void post(Work work) = 0;
  // Calls `ready` in the executor's thread whenever `descriptor` is readable, again and again as
  // long as it is. The descriptor stays the caller's, and open as long as the watch. kSystem. Any
  // thread.
  virtual Result<std::unique_ptr<Watch>, Error> watch(int descriptor, Work ready) = 0;
};

}  // namespace homa
