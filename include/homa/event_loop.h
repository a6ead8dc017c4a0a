// An executor of its own, for programs that have no event loop: epoll in the thread that calls
// run().
#pragma once

#include <memory>

#include "homa/executor.h"
#include "homa/socket.h"

namespace homa {

class EventLoop : public Executor {
 public:
  // kSystem, kNoMemory.
  static Result<std::unique_ptr<EventLoop>, Error> create();
  ~EventLoop() override;

  void post(Work work) override;
  Result<std::unique_ptr<Watch>, Error> watch(int descriptor, Work ready) override;

  // Runs what is posted and what becomes ready, until stop() is called. One thread at a time.
  void run();
  // Runs what is there, or what comes first within `timeout`. True: something ran.
  bool run_once(Timeout timeout = std::nullopt);
  // run() returns soon, also one that is called later. Any thread; async-signal-safe.
  void stop();

 private:
  class Impl;
  explicit EventLoop(std::shared_ptr<Impl> impl);
  const std::shared_ptr<Impl> impl_;
};

}  // namespace homa
