#include "core/memory_pressure.h"

namespace homa::core {
namespace {

// Of the memory that is guaranteed to nobody, in eighths. A level begins at the one and ends below
// the other, so that it does not change with every message.
constexpr std::uint64_t kModerateBegins = 6, kModerateEnds = 4;
constexpr std::uint64_t kHighBegins = 7, kHighEnds = 6;

}  // namespace

bool MemoryPressure::join(MemoryUse& use, std::uint64_t guaranteed, std::uint64_t maximum,
                          std::uint64_t receive_capacity) {
  if (!quota_.join(use.share, guaranteed, maximum)) return false;
  use.receive_capacity = receive_capacity;
  update();
  return true;
}

void MemoryPressure::leave(MemoryUse& use) {
  count_receive(use, 0);
  quota_.leave(use.share);
  update();
}

void MemoryPressure::set_total(std::uint64_t total) {
  quota_.set_total(total);
  update();
}

bool MemoryPressure::may_receive_limited(const QuotaShare& share, std::uint64_t bytes) {
  if (!share.may_grow(bytes)) return false;
  if (share.beyond(bytes) == 0) return true;
  if (level_ == PressureLevel::kNone && quota_.has_room(share, bytes)) return true;
  held_back_ = true;
  return false;
}

bool MemoryPressure::may_send_limited(const QuotaShare& share, std::uint64_t bytes) const {
  return quota_.has_room(share, bytes) && (!refuses_ || share.beyond(bytes) == 0);
}

bool MemoryPressure::drop_due(Time now) {
  if (level_ != PressureLevel::kHigh) return false;
  if (next_drop_ == kNever) {
    next_drop_ = now + kPatience;
    return false;
  }
  if (now < next_drop_) return false;
  next_drop_ = now + kInterval;
  return true;
}

PressureLevel MemoryPressure::next_level() const {
  const std::uint64_t beyond = quota_.beyond(), eighth = quota_.common() / 8;
  if (beyond == 0) return PressureLevel::kNone;
  const bool was_high = level_ == PressureLevel::kHigh;
  if (beyond >= (was_high ? kHighEnds : kHighBegins) * eighth) return PressureLevel::kHigh;
  const bool was_moderate = level_ != PressureLevel::kNone;
  if (beyond >= (was_moderate ? kModerateEnds : kModerateBegins) * eighth) {
    return PressureLevel::kModerate;
  }
  return PressureLevel::kNone;
}

void MemoryPressure::update() {
  level_ = quota_.unlimited() ? PressureLevel::kNone : next_level();
  if (level_ != PressureLevel::kHigh) {
    next_drop_ = kNever;
    refuses_ = false;
  }
  if (held_back_ && level_ == PressureLevel::kNone) {
    held_back_ = false;
    retry_ = true;
  }
}

}  // namespace homa::core
