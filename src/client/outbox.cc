#include "client/outbox.h"

#include <utility>

namespace homa::client {

void Outbox::expect_release() {
  reserve_one();
  ++expected_;
}

void Outbox::release_expected(std::uint64_t buffer) {
  --expected_;
  put_release(buffer);
}

void Outbox::release(std::uint64_t buffer) {
  reserve_one();
  put_release(buffer);
}

// One place more than all that wait and all that are expected need.
void Outbox::reserve_one() {
  const std::size_t needed = unreleased_.size() + expected_ + 1;
  if (needed > unreleased_.capacity()) unreleased_.reserve(2 * needed);
}

void Outbox::put_release(std::uint64_t buffer) {
  if (channel::Submission* place = try_place(channel::SubmissionKind::kRelease, 0)) {
    place->memory = buffer;
  } else {
    unreleased_.push_back(buffer);
  }
  channel_.publish(true);
}

void Outbox::retry_releases() {
  std::size_t done = 0;
  while (done < unreleased_.size()) {
    channel::Submission* const place = try_place(channel::SubmissionKind::kRelease, 0);
    if (place == nullptr) break;
    place->memory = unreleased_[done++];
  }
  unreleased_.erase(unreleased_.begin(), unreleased_.begin() + static_cast<std::ptrdiff_t>(done));
  channel_.publish(true);
}

bool Outbox::hold_back(Time now) {
  const bool soon = now - last_message_ <= kSoon;
  last_message_ = now;
  if (!soon || held_back_ + 1 >= kBatchMax) return false;
  ++held_back_;
  return true;
}

std::optional<std::uint64_t> Outbox::copy_in(Lock& lock, Gather& message) {
  const auto memory = channel_.allocate(static_cast<std::uint32_t>(message.size()));
  if (!memory) return std::nullopt;
  const std::size_t first = std::min(message.size(), kCopyAtOnce);
  const std::span<std::byte> to = channel_.memory(*memory, static_cast<std::uint32_t>(first));
  ++copies_;
  if (message.size() > kCopyLocked) lock.unlock();
  message.copy_to(to);
  if (!lock.owns_lock()) lock.lock();
  --copies_;
  return memory;
}

void Outbox::copy_next(const Supply& supply, Gather& message) {
  const std::span<std::byte> to =
      channel_.memory(supply.memory, static_cast<std::uint32_t>(message.size()));
  const std::size_t piece = std::min(message.size() - message.copied(), kCopyAtOnce);
  message.copy_to(to.subspan(message.copied(), piece));
}

bool Outbox::transmit_done(std::uint64_t memory) {
  for (Supply* supply : supplies_) {
    if (supply->memory != memory) continue;
    supply->returned = true;  // who copies into it frees it
    return true;
  }
  return free(memory);
}

}  // namespace homa::client
