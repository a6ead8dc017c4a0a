#include "core/ack_book.h"

#include "base/check.h"

namespace homa::core {

void AckBook::add(wire::Ack ack) {
  HOMA_CHECK(!full());
  owed_[count_++] = ack;
}

wire::Ack AckBook::take_one() { return count_ == 0 ? wire::Ack{} : owed_[--count_]; }

void AckBook::take_all(wire::AckHeader& packet) {
  packet.count = static_cast<std::uint16_t>(count_);
  packet.acks = {};
  for (std::size_t i = 0; i < count_; ++i) packet.acks[i] = owed_[i];
  count_ = 0;
}

}  // namespace homa::core
