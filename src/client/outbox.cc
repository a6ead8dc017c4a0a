#include "client/outbox.h"

#include <utility>

namespace homa::client {

void Outbox::release(std::uint64_t buffer) {
  if (channel::Submission* place = try_place(channel::SubmissionKind::kRelease, 0)) {
    place->memory = buffer;
  } else {
    unreleased_.push_back(buffer);
  }
  channel_.publish(true);
}

void Outbox::retry_releases() {
  for (const std::uint64_t buffer : std::exchange(unreleased_, {})) release(buffer);
}

bool Outbox::hold_back(Time now) {
  const bool soon = now - last_message_ <= kSoon;
  last_message_ = now;
  if (!soon || held_back_ + 1 >= kBatchMax) return false;
  ++held_back_;
  return true;
}

std::optional<std::uint64_t> Outbox::copy_in(Lock& lock, std::span<const std::byte> bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  const auto memory = channel_.allocate(length);
  if (!memory) return std::nullopt;
  const std::span<std::byte> to = channel_.memory(*memory, length);
  if (bytes.size() > kCopyLocked) lock.unlock();
  std::memcpy(to.data(), bytes.data(), std::min(bytes.size(), kCopyAtOnce));
  if (!lock.owns_lock()) lock.lock();
  return memory;
}

std::size_t Outbox::copy_next(const Supply& supply, std::span<const std::byte> bytes,
                              std::size_t done) {
  const std::span<std::byte> to =
      channel_.memory(supply.memory, static_cast<std::uint32_t>(bytes.size()));
  const std::size_t piece = std::min(bytes.size() - done, kCopyAtOnce);
  std::memcpy(to.data() + done, bytes.data() + done, piece);
  return done + piece;
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
