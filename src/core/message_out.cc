#include "core/message_out.h"

#include <algorithm>
#include <new>

#include "base/check.h"

namespace homa::core {

void MessageOut::start(std::uint32_t length, std::uint32_t unscheduled, TransmitToken token,
                       std::uint64_t age, std::uint32_t payload_max) {
  HOMA_CHECK(length > 0 && payload_max > 0);
  length_ = length;
  sent_ = 0;
  unscheduled_ = std::min(unscheduled, length);
  granted_ = unscheduled_;
  available_ = length;
  payload_max_ = payload_max;
  sent_again_ = 0;
  cuts_count_ = 0;
  token_ = token;
  age_ = age;
  last_sent_ = Time{};
  scheduled_priority = 0;
  resends_.clear();
}

void MessageOut::reset() {
  length_ = sent_ = granted_ = unscheduled_ = available_ = 0;
  resends_.clear();
}

void MessageOut::resize(std::uint32_t payload_max) {
  HOMA_CHECK(payload_max > 0);
  if (sent_ > 0) {
    if (payload_max >= payload_max_) return;
    if (cuts_count_ == kCutsMax) {
      std::move(cuts_.begin() + 1, cuts_.end(), cuts_.begin());
      --cuts_count_;
    }
    cuts_[cuts_count_++] = {sent_, payload_max_};
  } else if (payload_max > payload_max_ && payload_max > available_ && !supplied()) {
    return;
  }
  payload_max_ = payload_max;
}

void MessageOut::limit_unscheduled(std::uint32_t bytes) {
  HOMA_CHECK(sent_ == 0);
  unscheduled_ = granted_ = std::min(bytes, length_);
}

bool MessageOut::supply(std::uint32_t offset) {
  offset = std::min(offset, length_);
  if (offset <= available_) return false;
  available_ = offset;
  return true;
}

bool MessageOut::grant(std::uint32_t offset) {
  offset = std::min(offset, length_);
  if (offset <= granted_) return false;
  granted_ = offset;
  return true;
}

// Of new data. Packets end at multiples of the payload counted from the message's start, or from
// the last cut, then from the end of the unscheduled bytes, where a boundary is forced
// (docs/protocol.md#packets).
std::uint32_t MessageOut::packet_end(std::uint32_t begin) const {
  const std::uint64_t full = std::uint64_t{begin} + payload_max_;
  const std::uint32_t stop = begin < unscheduled_ ? unscheduled_ : length_;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(full, stop));
}

// The packet that carries byte `at` of what was sent, if it is sent again now: the packet in which
// it went first, divided by every cut since.
ByteRange MessageOut::packet_of(std::uint32_t at) const {
  const auto divide = [at](ByteRange range, std::uint32_t payload_max) {
    const std::uint32_t begin = range.begin + (at - range.begin) / payload_max * payload_max;
    return ByteRange{begin, begin + std::min(payload_max, range.end - begin)};
  };
  ByteRange packet{0, sent_};
  std::size_t cut = 0;
  for (; cut < cuts_count_ && at >= cuts_[cut].end; ++cut) packet.begin = cuts_[cut].end;
  if (cut < cuts_count_) packet.end = cuts_[cut].end;
  if (at < unscheduled_) {
    packet.end = std::min(packet.end, unscheduled_);
  } else {
    packet.begin = std::max(packet.begin, unscheduled_);
  }
  for (; cut < cuts_count_; ++cut) packet = divide(packet, cuts_[cut].payload_max);
  return divide(packet, payload_max_);
}

ByteRange MessageOut::packets_of(ByteRange range) const {
  range.end = std::min(range.end, sent_);
  if (range.begin >= range.end) return {};
  return {packet_of(range.begin).begin, packet_of(range.end - 1).end};
}

bool MessageOut::resend(ByteRange range, Priority priority) {
  range = packets_of(range);
  if (range.size() == 0) return false;
  for (Resend& queued : resends_) {
    if (queued.bytes.begin <= range.end && range.begin <= queued.bytes.end) {
      queued.bytes = {std::min(queued.bytes.begin, range.begin),
                      std::max(queued.bytes.end, range.end)};
      queued.priority = std::max(queued.priority, priority);
      return true;
    }
  }
  if (add_resend({range, priority})) return true;
  if (resends_.empty()) return false;
  // Sending more than was asked for is better than a list without bound.
  Resend& last = resends_.back();
  last.bytes = {std::min(last.bytes.begin, range.begin), std::max(last.bytes.end, range.end)};
  return true;
}

// False: the list is full, or there is no memory for a longer one.
bool MessageOut::add_resend(const Resend& resend) try {
  if (resends_.size() >= kResendsMax) return false;
  resends_.push_back(resend);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

MessageOut::Resend MessageOut::next_resend() const {
  HOMA_CHECK(!resends_.empty());
  const Resend& first = resends_.front();
  const std::uint32_t end = std::min(packet_of(first.bytes.begin).end, first.bytes.end);
  return {{first.bytes.begin, end}, first.priority};
}

void MessageOut::note_sent(ByteRange packet, Time now) {
  HOMA_CHECK(packet.begin == sent_ && packet.end <= length_);
  sent_ = packet.end;
  granted_ = std::max(granted_, sent_);  // the packet in which the limit falls is finished
  last_sent_ = now;
}

void MessageOut::note_resent(ByteRange packet) {
  sent_again_ += packet.size();
  Resend& first = resends_.front();
  first.bytes.begin = packet.end;
  if (first.bytes.begin >= first.bytes.end) resends_.erase(resends_.begin());
}

}  // namespace homa::core
