// One message on its way out: what may go, what went, what must go again (docs/protocol.md#rpc).
#pragma once

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <boost/intrusive/set_hook.hpp>
#include <cstdint>

#include "base/time.h"
#include "base/types.h"
#include "core/byte_range.h"
#include "core/packets.h"

namespace homa::core {

struct Rpc;
struct Uplink;

class MessageOut {
 public:
  static constexpr std::size_t kResendsMax = 16;

  struct Resend {
    ByteRange bytes;
    Priority priority = 0;
  };

  // age: smaller is older, unique. unscheduled: bytes that may go without a grant.
  void start(std::uint32_t length, std::uint32_t unscheduled, TransmitToken token,
             std::uint64_t age, std::uint32_t payload_max);
  void reset();
  // Packets have up to `payload_max` bytes from now on. After the first packet they only become
  // shorter, and a packet that is sent again is divided: no part crosses its old boundaries,
  // because receivers (the kernel's) refuse packets that overlap with what they have. Before the
  // first packet: only what is there already is put into a packet.
  void resize(std::uint32_t payload_max);
  std::uint32_t payload_max() const { return payload_max_; }
  // No more than `bytes` of it go without a grant. Before the first packet.
  void limit_unscheduled(std::uint32_t bytes);
  // The last `bytes` of a message that was just started are not there yet: nothing of them goes
  // before supply().
  void hold_back(std::uint32_t bytes) { available_ = length_ - std::min(bytes, length_); }
  // The bytes below `offset` are there; false when that is nothing new.
  bool supply(std::uint32_t offset);
  bool started() const { return length_ > 0; }

  // Bytes below `offset` may go; false when that is nothing new.
  bool grant(std::uint32_t offset);
  // What of a range was sent, widened to the packets that carried it; empty: nothing.
  ByteRange packets_of(ByteRange range) const;
  // Asks for bytes that were sent to go again, in the packets that carried them. False when nothing
  // of the range was sent.
  bool resend(ByteRange range, Priority priority);

  // The next packet of new data; only while sendable().
  ByteRange next_packet() const { return {sent_, packet_end(sent_)}; }
  // The next packet to go again; only while must_resend().
  Resend next_resend() const;
  void note_sent(ByteRange packet, Time now);
  void note_resent(ByteRange packet);

  bool sendable() const {
    return sent_ < granted_ && (supplied() || packet_end(sent_) <= available_);
  }
  bool supplied() const { return available_ == length_; }  // all of it is there
  // Bytes wait for their turn, or for the application to hand them over.
  bool waits_for_us() const { return sendable() || must_resend() || !supplied(); }
  bool must_resend() const { return !resends_.empty(); }
  bool all_sent() const { return sent_ == length_; }
  std::uint32_t length() const { return length_; }
  std::uint32_t sent() const { return sent_; }
  std::uint32_t granted() const { return granted_; }
  std::uint32_t unscheduled() const { return unscheduled_; }
  std::uint32_t remaining() const { return length_ - sent_; }
  TransmitToken token() const { return token_; }
  std::uint64_t age() const { return age_; }
  Time last_sent() const { return last_sent_; }  // of new data
  std::uint64_t sent_again() const { return sent_again_; }

  Priority scheduled_priority = 0;  // of the last grant that advanced
  Rpc* rpc = nullptr;               // whose message this is
  Uplink* link = nullptr;           // whose queue it is in; set when it has started

  // The send queue's own.
  boost::intrusive::set_member_hook<> srpt_hook;
  boost::intrusive::set_member_hook<> age_hook;
  boost::intrusive::list_member_hook<> small_hook;
  boost::intrusive::list_member_hook<> resend_hook;

 private:
  // Bytes from the cut before up to `end` first went in packets of `payload_max` bytes.
  struct Cut {
    std::uint32_t end = 0;
    std::uint32_t payload_max = 0;
  };
  static constexpr std::size_t kCutsMax = 3;  // of one message; before those, boundaries are lost

  std::uint32_t packet_end(std::uint32_t begin) const;
  ByteRange packet_of(std::uint32_t at) const;
  bool add_resend(const Resend& resend);

  std::uint32_t length_ = 0;
  std::uint32_t sent_ = 0;
  std::uint32_t granted_ = 0;
  std::uint32_t unscheduled_ = 0;
  std::uint32_t available_ = 0;
  std::uint32_t payload_max_ = 1;
  std::uint64_t sent_again_ = 0;
  std::uint8_t cuts_count_ = 0;
  std::array<Cut, kCutsMax> cuts_;  // the earliest first
  TransmitToken token_{};
  std::uint64_t age_ = 0;
  Time last_sent_{};
  boost::container::small_vector<Resend, 1> resends_;
};

}  // namespace homa::core
