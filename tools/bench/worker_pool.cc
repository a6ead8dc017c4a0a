#include "tools/bench/worker_pool.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace homa::tools {

WorkerPool::WorkerPool(const ServiceTime& time, int threads)
    : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, time, i] { run(time, static_cast<std::uint64_t>(i)); });
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  if (event_ >= 0) ::close(event_);
}

void WorkerPool::start(std::uint64_t token) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(token);
  }
  changed_.notify_one();
}

std::vector<std::uint64_t> WorkerPool::take_finished() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  (void)!::read(event_, &count, sizeof count);
  return std::exchange(finished_, {});
}

void WorkerPool::run(const ServiceTime& time, std::uint64_t seed) {
  ServiceTimer timer(time, seed);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const std::uint64_t token = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    timer.work();
    lock.lock();
    finished_.push_back(token);
    const std::uint64_t one = 1;
    (void)!::write(event_, &one, sizeof one);
  }
}

}  // namespace homa::tools
