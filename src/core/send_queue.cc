#include "core/send_queue.h"

#include <algorithm>

namespace homa::core {

void SendQueue::update(MessageOut& message) {
  const bool sendable = message.sendable();
  if (message.length() >= small_below_) {
    if (sendable != message.srpt_hook.is_linked()) {
      sendable ? add_paced(message) : remove_paced(message);
    }
  } else if (sendable != message.small_hook.is_linked()) {
    sendable ? small_.push_back(message) : remove_from(small_, message);
  }
  const bool resends = message.must_resend();
  if (resends != message.resend_hook.is_linked()) {
    resends ? resends_.push_back(message) : remove_from(resends_, message);
  }
}

void SendQueue::remove(MessageOut& message) {
  if (message.small_hook.is_linked()) remove_from(small_, message);
  if (message.srpt_hook.is_linked()) remove_paced(message);
  if (message.resend_hook.is_linked()) remove_from(resends_, message);
}

void SendQueue::add_paced(MessageOut& message) {
  srpt_.insert(message);
  by_age_.insert(by_age_.end(), message);
}

void SendQueue::remove_paced(MessageOut& message) {
  srpt_.erase(srpt_.iterator_to(message));
  by_age_.erase(by_age_.iterator_to(message));
}

MessageOut* SendQueue::next_paced() {
  if (srpt_.empty()) return nullptr;
  return fifo_credit_ > 0 ? &*by_age_.begin() : &*srpt_.begin();
}

void SendQueue::take(MessageOut& message, std::uint32_t bytes) {
  const std::int64_t amount = std::int64_t{bytes} * 1000;
  if (fifo_credit_ > 0) fifo_credit_ -= amount;
  fifo_credit_ += std::int64_t{bytes} * fifo_per_mille_;
  // The first in SRPT order only comes closer to the front as it shrinks; any other must move.
  take_reorders_ = message.srpt_hook.is_linked() && &*srpt_.begin() != &message;
  if (take_reorders_) srpt_.erase(srpt_.iterator_to(message));
}

void SendQueue::take_done(MessageOut& message) {
  if (take_reorders_) {
    srpt_.insert(message);
    take_reorders_ = false;
  }
  update(message);
}

}  // namespace homa::core
