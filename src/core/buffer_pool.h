// The receive memory of one account: which message has a buffer, and which messages wait for one
// (docs/protocol.md#rpc). The pool deals in offsets and never touches the memory itself.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <optional>

#include "base/region_allocator.h"
#include "core/packets.h"

namespace homa::core {

struct Rpc;

// The place of one incoming message; part of its RPC.
struct MessageBuffer {
  Rpc* rpc = nullptr;  // whose message this is
  BufferOffset offset{};
  std::uint32_t length = 0;
  bool held = false;  // `offset` is this message's; the application's share is not held here
  boost::intrusive::list_member_hook<> waiting_hook;

  bool waits() const { return waiting_hook.is_linked(); }
};

class BufferPool {
 public:
  // 0 bytes: unlimited, and every buffer is at offset 0 (for owners that keep no bytes).
  explicit BufferPool(std::uint64_t bytes);

  // Room for a message of `length` bytes. False: there is none, and the message waits. O(log pool).
  bool get(MessageBuffer& buffer, std::uint32_t length);
  // The message ends: it gives its buffer back, or stops waiting.
  void drop(MessageBuffer& buffer);
  // The message is complete: its buffer is the application's, until release().
  void hand_over(MessageBuffer& buffer) { buffer.held = false; }
  // The application gives back what was handed over. False, and nothing happens, when that is no
  // such buffer: the pair may come from another process.
  bool release(BufferOffset offset, std::uint32_t length);

  bool waiting() const { return !waiting_.empty(); }  // some message waits
  // A waiting message that has just got its buffer; nullptr: there is no room for the next one.
  // Call until nullptr after drop() and release().
  MessageBuffer* serve_waiting();

  std::uint64_t used() const { return region_ ? region_->used() : 0; }

 private:
  bool allot(MessageBuffer& buffer);

  std::optional<base::RegionAllocator> region_;
  boost::intrusive::list<MessageBuffer, boost::intrusive::member_hook<
                                            MessageBuffer, boost::intrusive::list_member_hook<>,
                                            &MessageBuffer::waiting_hook>>
      waiting_;  // who waits longest is first
};

}  // namespace homa::core
