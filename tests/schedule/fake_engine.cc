#include "engine/engine.h"

#include <algorithm>

#include "channel/wake.h"
#include "client/in_process_link.h"
#include "schedule/scheduler.h"

namespace homa::channel {
const void* descriptor_place(int fd);
bool is_signalled(int fd);
}  // namespace homa::channel

namespace homa::client {

// This engine has one receive memory.
Result<EngineLink::Attached, Error> InProcessLink::attach_apart(const channel::ChannelConfig&) {
  return Unexpected(Error{ErrorCode::kInvalidArgument, {}});
}

}  // namespace homa::client

namespace homa::engine {
namespace {
schedule::Scheduler& scheduler() { return *schedule::Scheduler::current(); }
}  // namespace

Time clock_now() { return scheduler().now(); }

Engine::Engine(int wake_fd, Fault fault)
    : wake_fd_(wake_fd), fault_(fault), receive_memory_(base::Mapping::create(1 << 16).value()) {}

Result<channel::Bell, Error> Engine::attach(std::shared_ptr<channel::Region> region) {
  const auto index = static_cast<std::uint32_t>(ends_.size());
  ends_.push_back(std::make_unique<channel::EngineEnd>(std::move(region)));
  return channel::Bell(state_, doorbell_, index, wake_fd_);
}

std::size_t Engine::take_submissions() {
  watch_.take(8, [](std::uint32_t) {});
  std::size_t count = 0;
  for (std::uint32_t channel = 0; channel < ends_.size(); ++channel) {
    count += take_submissions_of(channel);
  }
  return count;
}

std::size_t Engine::take_submissions_of(std::uint32_t channel) {
  channel::EngineEnd& end = *ends_[channel];
  std::size_t count = 0;
  for (channel::Submission submission; end.next(&submission); ++count) {
    if (submission.kind == channel::SubmissionKind::kOpen) {
      channel::Completion opened;
      opened.kind = channel::CompletionKind::kOpened;
      opened.tag = submission.tag;
      opened.port = 40'000;
      end.complete(opened, true);
    } else if (submission.kind == channel::SubmissionKind::kSend) {
      requests_.push_back({channel, submission});
      scheduler().wake(&requests_);
    }
  }
  return count;
}

bool Engine::has_submissions() const {
  return std::any_of(ends_.begin(), ends_.end(),
                     [](const auto& end) { return end->has_submissions(); });
}

std::size_t Engine::step(Time now) {
  scheduler().point();
  std::size_t done = 0;
  for (; !answers_.empty(); ++done) {
    const auto [channel, answered] = answers_.front();
    answers_.pop_front();
    channel::EngineEnd& end = *ends_[channel];
    channel::Completion response;
    response.kind = channel::CompletionKind::kResponse;
    response.handle = answered.handle;
    response.length = 1;
    end.complete(response, true);
    channel::Completion returned;
    returned.kind = channel::CompletionKind::kTransmitDone;
    returned.memory = answered.memory;
    end.complete(returned, false);
  }
  return done + flush(now);
}

std::size_t Engine::flush(Time) {
  std::size_t done = posted_.exchange(0);
  done += take_submissions();
  for (const auto& end : ends_) end->publish();
  return done;
}

void Engine::sleep(Time, Time until, Hold* owner) {
  watch_.stop(0);
  state_->sleep.fetch_add(1);
  const bool look = fault_ != Fault::kSleepsWithoutAnotherLook;
  const bool idle = !look || (!watch_.rung() && !has_submissions());
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
  ends_.clear();
  closed_ = true;
}

void Engine::allow() {
  ++allowed_;
  scheduler().wake(&requests_);
}

void Engine::run_network(int answers) {
  for (; answers > 0; --answers) {
    auto next = requests_.end();
    for (;;) {
      next = std::find_if(requests_.begin(), requests_.end(),
                          [this](const Request& request) { return may_be_answered(request); });
      if (next != requests_.end()) break;
      scheduler().block(&requests_);
    }
    const Request request = *next;
    requests_.erase(next);
    if (request.channel != 0 && others_limited_) --allowed_;
    scheduler().point();
    answers_.push_back(request);
    scheduler().wake(channel::descriptor_place(wake_fd_));
  }
}

}  // namespace homa::engine
