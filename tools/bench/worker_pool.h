// Threads that do the work of handlers for a server that waits with epoll.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "tools/options/service_time.h"

namespace homa::tools {

class WorkerPool {
 public:
  WorkerPool(const ServiceTime& time, int threads);
  // Waits for handlers that run; those that have not started never do.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Readable when take_finished() has something to give.
  int descriptor() const { return event_; }
  // A handler for `token` runs as soon as a thread is free, first come, first served.
  void start(std::uint64_t token);
  // The tokens whose handlers have ended since the last call, in that order.
  std::vector<std::uint64_t> take_finished();

 private:
  void run(const ServiceTime& time, std::uint64_t seed);

  int event_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::uint64_t> waiting_;
  std::vector<std::uint64_t> finished_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace homa::tools
