#include "client/in_process_link.h"

#include <algorithm>
#include <utility>

#include "base/relax.h"
#include "client/sleeping.h"

namespace homa::client {
namespace {

constexpr Duration kCloseAtMost{50'000'000};
constexpr std::uint32_t kLooksPerClock = 32;  // at the ring, between two at the clock

}  // namespace

InProcessLink::InProcessLink(std::unique_ptr<engine::Engine> engine, base::Descriptor wake,
                             const LinkLimits& limits, const RunnerConfig& config,
                             std::uint32_t pollers_max, ProcessMark mark)
    : mark_(std::move(mark)),
      limits_(limits),
      config_(config),
      pollers_max_(pollers_max),
      wake_(std::move(wake)),
      engine_(std::move(engine)),
      receive_memory_(engine_->receive_memory().bytes()),
      runner_(std::make_unique<EngineRunner>(*engine_, config)) {}

Result<std::shared_ptr<InProcessLink>, Error> InProcessLink::start(
    std::unique_ptr<engine::Engine> engine, base::Descriptor wake, const LinkLimits& limits,
    const RunnerConfig& config, std::uint32_t pollers_max) {
  auto mark = ProcessMark::create();
  if (!mark) return Unexpected(mark.error());
  std::shared_ptr<InProcessLink> link(new InProcessLink(
      std::move(engine), std::move(wake), limits, config, pollers_max, std::move(mark).value()));
  if (auto started = link->runner_->start(); !started) return Unexpected(started.error());
  return link;
}

InProcessLink::~InProcessLink() {
  if (!inherited()) {
    stop();
    return;
  }
  // Their destructors would tell peers and wait for a thread. Both are the parent's.
  static_cast<void>(engine_.release());
  static_cast<void>(runner_.release());
}

Result<channel::Bell, Error> InProcessLink::attach(std::shared_ptr<channel::Region> region) {
  std::optional<Result<channel::Bell, Error>> bell;
  runner_->with_engine([&] { bell = engine_->attach(std::move(region)); });
  return *std::move(bell);
}

EngineLink::Hold InProcessLink::publish(channel::ApplicationEnd& channel) {
  // Nobody needs to be told when this thread is to run the engine itself.
  if (config_.callers_drive) {
    if (Hold rest = runner_->try_rest(); rest.owns_lock()) {
      channel.publish_to_awake();
      return rest;
    }
  }
  channel.publish();
  return {};
}

bool InProcessLink::leave(channel::ApplicationEnd& channel) {
  if (!runner_->may_hold_back()) return false;
  channel.publish_to_awake();
  return true;
}

void InProcessLink::make_room() {
  if (config_.callers_drive) {
    runner_->flush();
  } else {
    channel::yield();
  }
}

bool InProcessLink::begin_watch(std::uint32_t watching, Duration waited) {
  if (config_.callers_drive) return runner_->try_begin();
  return watching < pollers_max_ && waited < config_.poll;
}

void InProcessLink::watch(const Watch& watch, Time now, Time until) {
  if (config_.callers_drive) return runner_->drive(watch, now, until);
  const Time poll_until = std::min(until, now + config_.poll);
  for (std::uint32_t looks = 1; !watch.ready(); ++looks) {
    if (looks % kLooksPerClock == 0) {
      if (engine::clock_now() >= poll_until) return;
      channel::yield();  // the engine may need this very core to get our message
    }
    base::relax();
  }
}

void InProcessLink::sleep(const Watch& watch, Time until) {
  if (!config_.callers_drive) return sleep_until_woken(watch.word(), until);
  if (!runner_->add_sleeper(watch.word())) return channel::yield();
  if (runner_->driven_by_caller()) sleep_until_woken(watch.word(), until);
  runner_->remove_sleeper(watch.word());
}

void InProcessLink::stop() { runner_->stop(kCloseAtMost); }

io::IoStatistics InProcessLink::io_statistics() {
  io::IoStatistics statistics;
  runner_->with_engine([&] { statistics = engine_->io_statistics(); });
  return statistics;
}

}  // namespace homa::client
