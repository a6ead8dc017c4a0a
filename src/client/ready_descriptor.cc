#include "client/ready_descriptor.h"

#include "channel/wake.h"

namespace homa::client {

void ReadyDescriptor::use() {
  if (used()) return;
  state_ = State::kQuiet;
  channel_.arm_descriptor();
}

bool ReadyDescriptor::update(bool readable) {
  if (!used()) return false;
  if (readable) {
    // Disarmed by the engine: it wrote, or is about to.
    if (state_ == State::kQuiet && channel_.disarm_descriptor()) {
      channel::signal_descriptor(channel_.descriptor());
    }
    state_ = State::kReadable;
    return false;
  }
  if (state_ == State::kQuiet && channel_.descriptor_armed()) return false;
  channel::clear_descriptor(channel_.descriptor());
  state_ = State::kQuiet;
  channel_.arm_descriptor();
  return true;
}

void ReadyDescriptor::nothing_was_there() {
  if (state_ != State::kQuiet || !channel::clear_descriptor(channel_.descriptor())) return;
  // The write may have been for a message that came just now.
  if (!channel_.descriptor_armed()) channel::signal_descriptor(channel_.descriptor());
}

}  // namespace homa::client
