#include "engine/attachments.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/failure.h"

namespace homa::engine {
namespace {

// A quiet channel is looked at this much longer, if few are: whoever talks now and then need not
// ring each time.
constexpr std::uint16_t kQuietStepsMax = 1'000;
constexpr std::size_t kQuietChannelsMax = 16;
// In one step, so that neither many channels nor busy ones keep packets waiting.
constexpr std::size_t kBellsPerStep = 64;
constexpr std::size_t kSubmissionsInAll = 2'048;

}  // namespace

Attachments::Attachments(core::Endpoint& endpoint, ReceiveRegion& receive,
                         trace::Counters& counters, int wake_fd, std::uint32_t scope)
    : endpoint_(endpoint),
      receive_(receive),
      counters_(counters),
      wake_fd_(wake_fd),
      scope_(scope) {
  // Never moved: other threads ring the first one.
  doorbells_.reserve(kDoorbells);
  doorbells_.emplace_back(std::make_shared<channel::Doorbell>());
}

channel::Bell Attachments::bell(std::uint16_t index) {
  return {state_, watch_of(index).doorbell(), index % channel::Doorbell::kChannels, wake_fd_};
}

Result<channel::Bell, Error> Attachments::attach(std::shared_ptr<channel::Region> region) try {
  if (size_ >= kChannelsMax) {
    return failure(ErrorCode::kNoMemory,
                   "an engine serves at most " + std::to_string(kChannelsMax) + " sockets");
  }
  if (free_.empty()) {
    if (places_.size() == doorbells_.size() * channel::Doorbell::kChannels) {
      doorbells_.emplace_back(std::make_shared<channel::Doorbell>());
    }
    reserve(places_.size() + 1);
    places_.emplace_back();  // may throw; the next line has its room
    free_.push_back(static_cast<std::uint16_t>(places_.size() - 1));
  }
  const std::uint16_t index = free_.back();
  places_[index].attachment = std::make_unique<Attachment>(
      AttachmentContext{endpoint_, receive_, counters_, port_owners_, scope_}, std::move(region),
      index);
  free_.pop_back();
  ++size_;
  return bell(index);
} catch (const std::bad_alloc&) {
  return failure(ErrorCode::kNoMemory, "no memory for a further socket");
}

// Becoming active and being forgotten need no memory later.
void Attachments::reserve(std::size_t places) {
  if (places <= active_.capacity()) return;
  free_.reserve(2 * places);
  active_.reserve(2 * places);
}

void Attachments::activate(std::uint16_t index) {
  Place& place = places_[index];
  if (std::exchange(place.active, true)) return;
  place.quiet_steps = 0;
  active_.push_back(index);
}

void Attachments::hear(channel::DoorbellWatch& doorbell) {
  const auto first = static_cast<std::size_t>(&doorbell - doorbells_.data());
  doorbell.take(kBellsPerStep, [&](std::uint32_t channel) {
    const std::size_t index = first * channel::Doorbell::kChannels + channel;
    if (index < places_.size() && places_[index].attachment) {
      activate(static_cast<std::uint16_t>(index));
    } else {
      doorbell.stop(channel);
    }
  });
}

Attachments::Taken Attachments::take_submissions(Time now) {
  for (channel::DoorbellWatch& doorbell : doorbells_) {
    if (doorbell.rung()) hear(doorbell);
  }
  Taken taken;
  const std::size_t channels = active_.size();
  if (channels == 0) return taken;
  std::size_t budget = kSubmissionsInAll;
  if (turn_ >= channels) turn_ = 0;
  for (std::size_t i = 0; i < channels; ++i) {
    const std::size_t at = turn_ + i < channels ? turn_ + i : turn_ + i - channels;
    Place& place = places_[active_[at]];
    Attachment& attachment = *place.attachment;
    const std::size_t count =
        attachment.take_submissions(now, std::min(budget, kSubmissionsPerStep));
    if (attachment.ending()) taken.ending = true;
    if (attachment.opening()) taken.opening = true;
    if (count == 0) continue;
    place.quiet_steps = 0;
    taken.count += count;
    budget -= count;
    if (budget == 0) {
      turn_ = at + 1;
      break;
    }
  }
  if (taken.ending) ++taken.count;
  return taken;
}

void Attachments::end(Time now) {
  for (const std::uint16_t index : active_) {
    if (places_[index].attachment->ending()) places_[index].attachment->end(now);
  }
}

void Attachments::open() {
  for (const std::uint16_t index : active_) {
    if (places_[index].attachment->opening()) places_[index].attachment->open();
  }
}

void Attachments::publish() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    const std::uint16_t index = active_[i];
    Place& place = places_[index];
    place.attachment->channel().publish();
    if (place.attachment->ended()) {
      watch_of(index).stop(index % channel::Doorbell::kChannels);
      place = Place{};
      free_.push_back(index);
      --size_;
    } else if (stays_active(place, index, kept)) {
      active_[kept++] = index;
    } else {
      place.active = false;
    }
  }
  if (kept != active_.size()) active_.resize(kept);
}

bool Attachments::stays_active(Place& place, std::uint16_t index, std::size_t others) {
  if (others < kQuietChannelsMax && ++place.quiet_steps < kQuietStepsMax) return true;
  return place.attachment->has_work() || !rest(index);
}

// Watches the channel no more; false: there is something to do after all.
bool Attachments::rest(std::uint16_t index) {
  watch_of(index).stop(index % channel::Doorbell::kChannels);
  return !places_[index].attachment->has_work();
}

Attachment* Attachments::of_port(Port port) {
  const auto index = port_owners_.owner(port);
  if (!index) return nullptr;
  activate(*index);
  return places_[*index].attachment.get();
}

std::span<const std::byte> Attachments::transmit(core::TransmitToken token, std::uint32_t offset,
                                                 std::uint32_t length) const {
  const Attachment* const attachment = places_[channel_of(token)].attachment.get();
  HOMA_CHECK(attachment != nullptr);
  return attachment->transmit(offset_of(token) + offset, length);
}

void Attachments::transmit_done(core::TransmitToken token) {
  Attachment* const attachment = places_[channel_of(token)].attachment.get();
  HOMA_CHECK(attachment != nullptr);
  activate(channel_of(token));
  attachment->on_transmit_done(offset_of(token));
}

bool Attachments::announce_sleep(bool release_wanted) {
  bool work = false;
  std::size_t kept = 0;
  for (const std::uint16_t index : active_) {
    if (rest(index)) {
      places_[index].active = false;
    } else {
      active_[kept++] = index;
      work = true;
    }
  }
  active_.resize(kept);
  state_->release_wanted.store(release_wanted ? 1 : 0, std::memory_order_relaxed);
  state_->sleep.fetch_add(1, std::memory_order_seq_cst);
  return !work && std::none_of(doorbells_.begin(), doorbells_.end(),
                               [](const auto& doorbell) { return doorbell.rung(); });
}

void Attachments::announce_awake() { state_->sleep.fetch_add(1, std::memory_order_relaxed); }

void Attachments::wake() {
  channel::wake_engine(*state_, *doorbells_.front().doorbell(), wake_fd_);
}

void Attachments::close_all(Time now) {
  for (Place& place : places_) {
    if (place.attachment) place.attachment->close(now);
  }
}

void Attachments::clear() {
  active_.clear();
  places_.clear();
  free_.clear();
  size_ = 0;
}

}  // namespace homa::engine
