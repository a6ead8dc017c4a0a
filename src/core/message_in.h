// What has arrived of one message, and what is missing (docs/protocol.md#loss).
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <span>

#include "core/byte_range.h"

namespace homa::core {

class MessageIn {
 public:
  enum class Added : std::uint8_t {
    kNew,         // some bytes were missing so far
    kDuplicate,   // all of them are here
    kTooManyGaps  // not taken: a sender that leaves this many holes can wait for RESENDs
  };
  static constexpr std::size_t kGapsMax = 512;

  // length > 0. Forgets what was here before.
  void start(std::uint32_t length);
  void reset() { start(0); }
  bool started() const { return length_ > 0; }

  // Notes that bytes [begin, end) arrived, 0 <= begin < end <= length. O(gaps).
  Added add(ByteRange range);

  std::uint32_t length() const { return length_; }
  std::uint32_t received() const { return received_; }  // bytes here, wherever they are
  std::uint32_t end() const { return end_; }            // past the last byte here
  std::uint32_t prefix() const { return gaps_.empty() ? end_ : gaps_.front().begin; }
  bool complete() const { return started() && received_ == length_; }
  // Missing ranges below end(), in order.
  std::span<const ByteRange> gaps() const { return {gaps_.data(), gaps_.size()}; }

 private:
  // False: there are too many gaps, or there is no memory for another one.
  bool make_room_for_gap();
  Added add_below_end(ByteRange range);

  std::uint32_t length_ = 0;
  std::uint32_t received_ = 0;
  std::uint32_t end_ = 0;
  boost::container::small_vector<ByteRange, 2> gaps_;
};

}  // namespace homa::core
