// Which outgoing message sends its next packet (docs/protocol.md#pacing): short messages at once,
// then bytes to send again, then the one with fewest bytes left; a share of the bytes goes to the
// oldest instead, so that the longest never starve.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <cstddef>
#include <cstdint>

#include "core/message_out.h"

namespace homa::core {

class SendQueue {
 public:
  // small_below: messages shorter than this many bytes are not paced.
  SendQueue(std::uint32_t small_below, std::uint32_t fifo_per_mille)
      : small_below_(small_below), fifo_per_mille_(fifo_per_mille) {}

  // Call after anything that may change what a message can send. O(log messages).
  void update(MessageOut& message);
  void remove(MessageOut& message);

  // The message whose packet goes next, nullptr for none; it stays queued.
  MessageOut* next_small() { return small_.empty() ? nullptr : &small_.front(); }
  MessageOut* next_resend() { return resends_.empty() ? nullptr : &resends_.front(); }
  MessageOut* next_paced();
  bool small_waiting() const { return !small_.empty(); }
  std::size_t small_count() const { return small_.size(); }
  bool paced_waiting() const { return !srpt_.empty() || !resends_.empty(); }

  // The caller took message.next_packet() of a paced message: charges the FIFO share.
  // Call before message.note_sent(), then take_done() after it.
  void take(MessageOut& message, std::uint32_t bytes);
  void take_done(MessageOut& message);

 private:
  struct ByRemaining {
    bool operator()(const MessageOut& a, const MessageOut& b) const {
      if (a.remaining() != b.remaining()) return a.remaining() < b.remaining();
      return a.age() < b.age();
    }
  };
  struct ByAge {
    bool operator()(const MessageOut& a, const MessageOut& b) const { return a.age() < b.age(); }
  };
  template <auto Hook>
  using ListOf = boost::intrusive::list<
      MessageOut,
      boost::intrusive::member_hook<MessageOut, boost::intrusive::list_member_hook<>, Hook>>;
  template <auto Hook, typename Order>
  using SetOf = boost::intrusive::set<
      MessageOut, boost::intrusive::compare<Order>,
      boost::intrusive::member_hook<MessageOut, boost::intrusive::set_member_hook<>, Hook>>;

  template <typename List>
  static void remove_from(List& list, MessageOut& message) {
    list.erase(list.iterator_to(message));
  }
  void add_paced(MessageOut& message);
  void remove_paced(MessageOut& message);

  std::uint32_t small_below_;
  std::uint32_t fifo_per_mille_;
  std::int64_t fifo_credit_ = 0;  // thousandths of bytes owed to the oldest
  bool take_reorders_ = false;
  ListOf<&MessageOut::small_hook> small_;
  ListOf<&MessageOut::resend_hook> resends_;
  SetOf<&MessageOut::srpt_hook, ByRemaining> srpt_;
  SetOf<&MessageOut::age_hook, ByAge> by_age_;
};

}  // namespace homa::core
