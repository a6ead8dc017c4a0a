// Whose messages give way when the memory of all accounts together runs short, and how
// (docs/protocol.md#pressure). What counts is the memory of messages: buffers of those that arrive
// or that applications keep, and what is to be sent.
//
// An account within its guarantee is never asked to give way. The others are, the more so the less
// is left of what is guaranteed to nobody:
//  - moderate: their new messages get no buffer, so they are granted nothing; the senders hear
//  BUSY;
//  - high, for a while: of what they receive and send, one message after the other is dropped;
//  - high, and there is nothing to drop: they may not send.
#pragma once

#include <cstdint>
#include <utility>

#include "base/time.h"
#include "core/quota.h"

namespace homa::core {

enum class PressureLevel : std::uint8_t { kNone, kModerate, kHigh };

// How often an account had to give way.
struct Remedies {
  std::uint64_t messages_held = 0;  // that got no buffer, and whose senders heard BUSY
  std::uint64_t incoming_dropped = 0;
  std::uint64_t outgoing_dropped = 0;
  std::uint64_t sends_refused = 0;
  std::uint64_t requests_refused = 0;  // it served as many as it may, or there were no RPC slots

  friend bool operator==(const Remedies&, const Remedies&) = default;
};

// The memory of one account's messages; part of the account.
struct MemoryUse {
  QuotaShare share;
  std::uint64_t receive_bytes = 0;     // of it, buffers
  std::uint64_t receive_capacity = 0;  // of its pool
  Remedies remedies;

  // Little is left of its pool: what it releases is worth looking at soon.
  bool crowded() const { return receive_bytes > receive_capacity / 2; }
};

class MemoryPressure {
 public:
  static constexpr Duration kPatience{20'000'000};  // high for so long: then messages are dropped
  static constexpr Duration kInterval{2'000'000};   // ... one in this time

  // total: as in Quota.
  explicit MemoryPressure(std::uint64_t total) : quota_(total) {}

  // False: what is guaranteed to all would be more than there is.
  bool join(MemoryUse& use, std::uint64_t guaranteed, std::uint64_t maximum,
            std::uint64_t receive_capacity);
  void leave(MemoryUse& use);
  void set_total(std::uint64_t total);

  // May a message get a buffer? False, and retry() is true once it may be worth asking again.
  bool may_receive(const MemoryUse& use, std::uint64_t bytes) {
    return is_free(use.share) || may_receive_limited(use.share, bytes);
  }
  void received(MemoryUse& use, std::uint64_t bytes) {
    count_receive(use, use.receive_bytes + bytes);
    take(use.share, bytes);
  }
  void released(MemoryUse& use, std::uint64_t bytes) {
    count_receive(use, use.receive_bytes - bytes);
    give_back(use.share, bytes);
  }
  bool may_send(const MemoryUse& use, std::uint64_t bytes) const {
    return is_free(use.share) || may_send_limited(use.share, bytes);
  }
  void sends(MemoryUse& use, std::uint64_t bytes) { take(use.share, bytes); }
  void sent(MemoryUse& use, std::uint64_t bytes) { give_back(use.share, bytes); }

  PressureLevel level() const { return level_; }
  const Quota& quota() const { return quota_; }
  std::uint64_t receive_bytes() const { return receive_bytes_; }  // of all accounts
  bool crowded() const { return crowded_ > 0; }                   // the pool of some account is

  // A message of an account beyond its guarantee is to be dropped now. Call when deadline() has
  // come; if there is none to drop, say so.
  bool drop_due(Time now);
  void found_none() { refuses_ = true; }
  // When drop_due() is to be asked; kNever: the level is not high.
  Time deadline(Time now) const {
    if (level_ != PressureLevel::kHigh) return kNever;
    return next_drop_ == kNever ? now : next_drop_;
  }
  // Messages that got no buffer for want of common memory may get one now. Once.
  bool retry() { return std::exchange(retry_, false); }
  bool wants_retry() const { return retry_; }

 private:
  bool is_free(const QuotaShare& share) const {
    return quota_.unlimited() && share.maximum == QuotaShare::kUnlimited;
  }
  bool may_receive_limited(const QuotaShare& share, std::uint64_t bytes);
  bool may_send_limited(const QuotaShare& share, std::uint64_t bytes) const;
  void take(QuotaShare& share, std::uint64_t bytes) {
    quota_.take(share, bytes);
    if (!quota_.unlimited()) update();
  }
  void give_back(QuotaShare& share, std::uint64_t bytes) {
    quota_.give_back(share, bytes);
    if (!quota_.unlimited()) update();
  }
  void count_receive(MemoryUse& use, std::uint64_t bytes) {
    receive_bytes_ += bytes - use.receive_bytes;
    const bool was_crowded = use.crowded();
    use.receive_bytes = bytes;
    if (use.crowded() != was_crowded) [[unlikely]]
      crowded_ += was_crowded ? -1 : 1;
  }
  void update();
  PressureLevel next_level() const;

  Quota quota_;
  std::uint64_t receive_bytes_ = 0;
  std::int32_t crowded_ = 0;  // accounts
  PressureLevel level_ = PressureLevel::kNone;
  bool refuses_ = false;    // sends of accounts beyond their guarantee
  bool held_back_ = false;  // some message got no buffer
  bool retry_ = false;
  Time next_drop_ = kNever;
};

}  // namespace homa::core
