#include "io/faults.h"

#include <algorithm>
#include <array>

#include "base/failure.h"

namespace homa::io {

Result<void, Error> validate(const SendFaults& config) {
  const std::array<std::pair<const char*, double>, 3> fractions{
      {{"loss", config.loss},
       {"duplication", config.duplication},
       {"reordering", config.reordering}}};
  for (const auto& [name, fraction] : fractions) {
    if (!(fraction >= 0 && fraction <= 1)) {
      return failure(ErrorCode::kInvalidArgument, std::string("faults: ") + name + " is " +
                                                      std::to_string(fraction) +
                                                      "; it must be a fraction, 0 to 1");
    }
  }
  if (config.reorder_delay.count() < 0) {
    return failure(ErrorCode::kInvalidArgument, "faults: the reordering delay is negative");
  }
  return {};
}

FaultyIo::FaultyIo(std::unique_ptr<PacketIo> inner, const SendFaults& config)
    : Decorator(std::move(inner)),
      config_(config),
      random_(config.seed),
      held_(config.reordering > 0 ? kHeldMax : 0) {}

// Always as many draws, so that one fault's fraction does not change where the others strike.
FaultyIo::Fate FaultyIo::draw() {
  const bool lost = chance(config_.loss);
  const bool held = chance(config_.reordering);
  const bool twice = chance(config_.duplication);
  if (lost) return Fate::kLose;
  if (held) return Fate::kHold;
  return twice ? Fate::kSendTwice : Fate::kSend;
}

void FaultyIo::hold(const TxFrame& frame) {
  Held& held = held_[(first_held_ + held_count_++) % held_.size()];
  held.due = Clock::now() + config_.reorder_delay;
  held.destination = frame.destination;
  held.priority = frame.priority;
  held.header_length = frame.header.size();
  held.bytes.assign(frame.header.begin(), frame.header.end());
  held.bytes.insert(held.bytes.end(), frame.payload.begin(), frame.payload.end());
}

void FaultyIo::send_due() {
  while (held_count_ > 0) {
    const Held& held = held_[first_held_];
    if (held.due > Clock::now()) return;
    const auto all = std::span<const std::byte>(held.bytes);
    const TxFrame frame{held.destination, held.priority, all.first(held.header_length),
                        all.subspan(held.header_length)};
    if (inner().send({&frame, 1}) == 0) return;
    first_held_ = (first_held_ + 1) % held_.size();
    --held_count_;
  }
}

std::size_t FaultyIo::send_batch(std::span<const TxFrame> frames) {
  std::array<Fate, kBatch> fates;
  std::array<TxFrame, 2 * kBatch> passed;
  std::array<std::size_t, 2 * kBatch> origin;  // which of `frames` each is
  std::size_t passed_count = 0;
  std::size_t holding = 0;
  const auto pass = [&](std::size_t i) {
    origin[passed_count] = i;
    passed[passed_count++] = frames[i];
  };
  for (std::size_t i = 0; i < frames.size(); ++i) {
    fates[i] = draw();
    if (fates[i] == Fate::kHold && held_count_ + holding >= held_.size()) fates[i] = Fate::kSend;
    if (fates[i] == Fate::kHold) ++holding;
    if (fates[i] == Fate::kSend || fates[i] == Fate::kSendTwice) pass(i);
    if (fates[i] == Fate::kSendTwice) pass(i);
  }
  const std::size_t sent = inner().send(std::span(passed).first(passed_count));
  std::size_t taken = frames.size();
  if (sent < passed_count) {
    taken = origin[sent];
    // Only its copy found no room: the frame itself is gone.
    if (sent > 0 && origin[sent - 1] == taken) ++taken;
  }
  for (std::size_t i = 0; i < taken; ++i) {
    if (fates[i] == Fate::kHold) hold(frames[i]);
  }
  return taken;
}

std::size_t FaultyIo::send(std::span<const TxFrame> frames) {
  send_due();
  std::size_t taken = 0;
  while (taken < frames.size()) {
    const auto batch = frames.subspan(taken, std::min(kBatch, frames.size() - taken));
    const std::size_t count = send_batch(batch);
    taken += count;
    if (count < batch.size()) break;
  }
  return taken;
}

std::size_t FaultyIo::receive(std::span<RxFrame> frames) {
  send_due();
  return inner().receive(frames);
}

bool FaultyIo::wait(std::chrono::nanoseconds at_most, int wake_fd) {
  send_due();
  if (held_count_ > 0) {
    const std::chrono::nanoseconds until_due = held_[first_held_].due - Clock::now();
    at_most = std::min(at_most, until_due);
  }
  const bool woken = inner().wait(at_most, wake_fd);
  send_due();
  return woken;
}

}  // namespace homa::io
