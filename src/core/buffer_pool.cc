#include "core/buffer_pool.h"

namespace homa::core {

BufferPool::BufferPool(std::uint64_t bytes) {
  if (bytes != 0) region_.emplace(bytes);
}

bool BufferPool::allot(MessageBuffer& buffer) {
  if (!region_) {
    buffer.offset = BufferOffset{};
  } else {
    const auto offset = region_->allocate(buffer.length);
    if (!offset) return false;
    buffer.offset = BufferOffset{*offset};
  }
  buffer.held = true;
  return true;
}

bool BufferPool::get(MessageBuffer& buffer, std::uint32_t length) {
  buffer.length = length;
  if (allot(buffer)) return true;
  waiting_.push_back(buffer);
  return false;
}

void BufferPool::drop(MessageBuffer& buffer) {
  if (buffer.waits()) waiting_.erase(waiting_.iterator_to(buffer));
  if (!buffer.held) return;
  buffer.held = false;
  if (region_) region_->free(raw(buffer.offset), buffer.length);
}

bool BufferPool::release(BufferOffset offset, std::uint32_t length) {
  return !region_ || region_->free(raw(offset), length);
}

MessageBuffer* BufferPool::serve_waiting() {
  if (waiting_.empty() || !allot(waiting_.front())) return nullptr;
  MessageBuffer& served = waiting_.front();
  waiting_.pop_front();
  return &served;
}

}  // namespace homa::core
