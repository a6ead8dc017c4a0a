#include "client/in_process_link.h"

#include <algorithm>
#include <utility>

#include "base/failure.h"
#include "client/counters.h"
#include "client/sleeping.h"

namespace homa::client {
namespace {

constexpr Duration kCloseAtMost{50'000'000};

}  // namespace

InProcessLink::InProcessLink(std::unique_ptr<engine::Engine> engine, base::Descriptor wake,
                             const LinkLimits& limits, const RunnerConfig& config,
                             std::uint32_t pollers_max, Facts facts, ProcessMark mark)
    : mark_(std::move(mark)),
      limits_(limits),
      config_(config),
      pollers_max_(pollers_max),
      facts_(std::move(facts)),
      wake_(std::move(wake)),
      engine_(std::move(engine)),
      receive_memory_(engine_->receive_memory().bytes()),
      runner_(std::make_unique<EngineRunner>(*engine_, config, housekeeping_)) {}

Result<std::shared_ptr<InProcessLink>, Error> InProcessLink::start(
    std::unique_ptr<engine::Engine> engine, base::Descriptor wake, const LinkLimits& limits,
    const RunnerConfig& config, std::uint32_t pollers_max, Facts facts) {
  auto mark = ProcessMark::create();
  if (!mark) return Unexpected(mark.error());
  std::shared_ptr<InProcessLink> link(new InProcessLink(std::move(engine), std::move(wake), limits,
                                                        config, pollers_max, std::move(facts),
                                                        std::move(mark).value()));
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

Result<EngineLink::Attached, Error> InProcessLink::attach(const channel::ChannelConfig& config,
                                                          std::uint16_t) {
  auto region = channel::Region::create(config);
  if (!region) return Unexpected(region.error());
  std::optional<Result<channel::Bell, Error>> bell;
  runner_->with_engine([&] { bell = engine_->attach(*region); });
  if (!*bell) return Unexpected(bell->error());
  return Attached{std::move(region).value(), **bell};
}

Result<EngineLink::Reattached, Error> InProcessLink::reattach(channel::Region&, std::uint16_t) {
  return failure(ErrorCode::kClosed, "the engine of this process has ended");
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

Duration InProcessLink::watch(const Watch& watch, Time now, Time until) {
  if (config_.callers_drive) {
    runner_->drive(watch, now, until);
    return Duration::zero();
  }
  return look_until_ready(watch, std::min(until, now + config_.poll));
}

void InProcessLink::sleep(const Watch& watch, Time until) {
  if (!config_.callers_drive) return sleep_until_woken(watch.word(), until);
  if (!runner_->add_sleeper(watch.word())) return channel::yield();
  if (runner_->driven_by_caller()) sleep_until_woken(watch.word(), until);
  runner_->remove_sleeper(watch.word());
}

void InProcessLink::stop() { runner_->stop(kCloseAtMost); }

std::vector<Counter> InProcessLink::counters() {
  std::optional<io::IoStatistics> io;
  // The back end's are asked for under a lock.
  if (!inherited()) runner_->with_engine([&] { io = engine_->io_statistics(); });
  return read_counters(engine_->counters(), io);
}

}  // namespace homa::client
