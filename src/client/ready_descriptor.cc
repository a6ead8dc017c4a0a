#include "client/ready_descriptor.h"

namespace homa::client {

Result<int, Error> ReadyDescriptor::use() {
  auto descriptor = channel_.open_descriptor();
  if (!descriptor || used()) return descriptor;
  state_ = State::kQuiet;
  channel_.arm_descriptor();
  return descriptor;
}

bool ReadyDescriptor::update(bool readable) {
  if (!used()) return false;
  if (readable) {
    // Disarmed by the engine: it wrote, or is about to.
    if (state_ == State::kQuiet && channel_.disarm_descriptor()) {
      channel_.signal_descriptor();
    }
    state_ = State::kReadable;
    return false;
  }
  if (state_ == State::kQuiet && channel_.descriptor_armed()) return false;
  channel_.clear_descriptor();
  state_ = State::kQuiet;
  channel_.arm_descriptor();
  return true;
}

bool ReadyDescriptor::update_room(bool room) {
  if (!used() || (room && !blocked_)) return false;
  if (room) {
    channel_.want_no_room();
    channel_.unblock_descriptor();
    blocked_ = false;
    return false;
  }
  if (blocked_ && channel_.wants_room()) return false;
  channel_.block_descriptor();
  channel_.want_room();
  blocked_ = true;
  return true;
}

// The engine may have made it writable a second time, for a request of before the last one.
void ReadyDescriptor::no_room_was_there() {
  if (!blocked_) return;
  channel_.block_descriptor();
  if (!channel_.wants_room()) channel_.unblock_descriptor();  // room came just now
}

void ReadyDescriptor::nothing_was_there() {
  if (state_ != State::kQuiet || !channel_.clear_descriptor()) return;
  // The write may have been for a message that came just now.
  if (!channel_.descriptor_armed()) channel_.signal_descriptor();
}

}  // namespace homa::client
