#include "homa/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/failure.h"

namespace homa {
namespace {

constexpr int kEventsAtOnce = 64;
constexpr std::uint64_t kWakeId = 0;  // of the loop's own descriptor

int milliseconds_of(Timeout timeout) {
  if (!timeout) return -1;
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();
  const auto rounded_up = std::chrono::ceil<std::chrono::milliseconds>(*timeout).count();
  return static_cast<int>(std::clamp<std::int64_t>(rounded_up, 0, kMost));
}

}  // namespace

class EventLoop::Impl {
 public:
  Impl(base::Descriptor epoll, base::Descriptor wake)
      : epoll_(std::move(epoll)), wake_(std::move(wake)) {}

  Result<std::uint64_t, Error> add(int descriptor, Work ready) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t id = next_id_++;
    watched_[id] = {descriptor, std::make_shared<Work>(std::move(ready))};
    if (auto added = add_to_epoll(descriptor, id); !added) {
      watched_.erase(id);
      return Unexpected(added.error());
    }
    return id;
  }

  Result<void, Error> add_to_epoll(int descriptor, std::uint64_t id) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = id;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0) return {};
    return system_failure("epoll_ctl", errno);
  }

  void remove(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto found = watched_.find(id);
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.descriptor, nullptr);
    watched_.erase(found);
  }

  void post(Work work) {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
    if (posted_.size() == 1) wake();
  }

  void wake() const {
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_.get(), &one, sizeof(one)) > 0);
  }

  void stop() {
    stopped_.store(true, std::memory_order_seq_cst);
    wake();
  }
  bool take_stop() { return stopped_.exchange(false, std::memory_order_seq_cst); }

  bool run_once(Timeout timeout) {
    epoll_event events[kEventsAtOnce];
    const int count = ::epoll_wait(epoll_.get(), events, kEventsAtOnce, milliseconds_of(timeout));
    bool any = false;
    for (int i = 0; i < count; ++i) {
      any |= events[i].data.u64 == kWakeId ? run_posted() : run_watched(events[i].data.u64);
    }
    return any;
  }

 private:
  struct Watched {
    int descriptor = -1;
    std::shared_ptr<Work> ready;  // shared, because it may end its own watch
  };

  bool run_posted() {
    std::uint64_t times = 0;
    static_cast<void>(::read(wake_.get(), &times, sizeof(times)) > 0);
    std::vector<Work> posted;
    {
      const std::lock_guard lock(mutex_);
      posted.swap(posted_);
    }
    for (Work& work : posted) work();
    return !posted.empty();
  }

  bool run_watched(std::uint64_t id) {
    std::shared_ptr<Work> ready;
    {
      const std::lock_guard lock(mutex_);
      const auto found = watched_.find(id);
      if (found == watched_.end()) return false;  // an event before this one ended it
      ready = found->second.ready;
    }
    (*ready)();
    return true;
  }

  const base::Descriptor epoll_, wake_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::vector<Work> posted_;
  std::unordered_map<std::uint64_t, Watched> watched_;
  std::uint64_t next_id_ = kWakeId + 1;
};

EventLoop::EventLoop(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventLoop::~EventLoop() = default;

Result<std::unique_ptr<EventLoop>, Error> EventLoop::create() try {
  base::Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  base::Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (epoll.get() < 0 || wake.get() < 0) {
    return system_failure("epoll_create1 or eventfd", errno);
  }
  const int wake_descriptor = wake.get();
  auto impl = std::make_shared<Impl>(std::move(epoll), std::move(wake));
  if (auto added = impl->add_to_epoll(wake_descriptor, kWakeId); !added) {
    return Unexpected(added.error());
  }
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(impl)));
} catch (const std::bad_alloc&) {
  return failure(ErrorCode::kNoMemory, "out of memory");
}

void EventLoop::post(Work work) { impl_->post(std::move(work)); }

Result<std::unique_ptr<Executor::Watch>, Error> EventLoop::watch(int descriptor, Work ready) {
  class LoopWatch : public Watch {
   public:
    LoopWatch(std::shared_ptr<Impl> impl, std::uint64_t id) : impl_(std::move(impl)), id_(id) {}
    ~LoopWatch() override { impl_->remove(id_); }

   private:
    std::shared_ptr<Impl> impl_;
    std::uint64_t id_;
  };
  const auto id = impl_->add(descriptor, std::move(ready));
  if (!id) return Unexpected(id.error());
  return std::unique_ptr<Watch>(std::make_unique<LoopWatch>(impl_, *id));
}

void EventLoop::run() {
  while (!impl_->take_stop()) impl_->run_once(std::nullopt);
}

bool EventLoop::run_once(Timeout timeout) { return impl_->run_once(timeout); }

void EventLoop::stop() { impl_->stop(); }

}  // namespace homa
