#include "engine/engine.h"

#include "channel/wake.h"
#include "schedule/scheduler.h"

namespace homa::channel {
const void* descriptor_place(int fd);
bool is_signalled(int fd);
}  // namespace homa::channel

namespace homa::engine {
namespace {
schedule::Scheduler& scheduler() { return *schedule::Scheduler::current(); }
}  // namespace

Time clock_now() { return scheduler().now(); }

Engine::Engine(int wake_fd, Fault fault)
    : wake_fd_(wake_fd), fault_(fault), receive_memory_(base::Mapping::create(1 << 16).value()) {}

Result<channel::Bell, Error> Engine::attach(std::shared_ptr<channel::Region> region) {
  end_ = std::make_unique<channel::EngineEnd>(std::move(region));
  return channel::Bell(state_, doorbell_, 0, wake_fd_);
}

std::size_t Engine::take_submissions() {
  watch_.take(8, [](std::uint32_t) {});
  std::size_t count = 0;
  channel::Submission submission;
  while (end_ != nullptr && end_->next(&submission)) {
    ++count;
    if (submission.kind == channel::SubmissionKind::kOpen) {
      channel::Completion opened;
      opened.kind = channel::CompletionKind::kOpened;
      opened.tag = submission.tag;
      opened.port = 40'000;
      end_->complete(opened, true);
    } else if (submission.kind == channel::SubmissionKind::kSend) {
      requests_.push_back(submission);
      scheduler().wake(&requests_);
    }
  }
  return count;
}

std::size_t Engine::step(Time now) {
  scheduler().point();
  std::size_t done = 0;
  for (; !answers_.empty(); ++done) {
    const channel::Submission answered = answers_.front();
    answers_.pop_front();
    channel::Completion response;
    response.kind = channel::CompletionKind::kResponse;
    response.handle = answered.handle;
    response.length = 1;
    end_->complete(response, true);
    channel::Completion returned;
    returned.kind = channel::CompletionKind::kTransmitDone;
    returned.memory = answered.memory;
    end_->complete(returned, false);
  }
  return done + flush(now);
}

std::size_t Engine::flush(Time) {
  std::size_t done = posted_.exchange(0);
  done += take_submissions();
  if (end_ == nullptr) return done;
  end_->publish();
  return done;
}

void Engine::sleep(Time, Time until, Hold* owner) {
  watch_.stop(0);
  state_->sleep.fetch_add(1);
  const bool look = fault_ != Fault::kSleepsWithoutAnotherLook;
  const bool idle = !look || (!watch_.rung() && !(end_ != nullptr && end_->has_submissions()));
  if (idle && posted_.load() == 0) {
    if (owner != nullptr) owner->unlock();
    if (answers_.empty() && !channel::is_signalled(wake_fd_)) {
      scheduler().block(channel::descriptor_place(wake_fd_), until);
    }
    if (owner != nullptr) owner->lock();
    channel::clear_descriptor(wake_fd_);
  }
  state_->sleep.fetch_add(1);
}

void Engine::post(std::function<void()>) {
  posted_.fetch_add(1);
  wake();
}

void Engine::wake() { channel::wake_engine(*state_, *doorbell_, wake_fd_); }

void Engine::close(Duration) {
  end_.reset();
  closed_ = true;
}

void Engine::run_network(int answers) {
  while (answers > 0) {
    while (requests_.empty()) scheduler().block(&requests_);
    scheduler().point();
    answers_.push_back(requests_.front());
    requests_.pop_front();
    --answers;
    scheduler().wake(channel::descriptor_place(wake_fd_));
  }
}

}  // namespace homa::engine
