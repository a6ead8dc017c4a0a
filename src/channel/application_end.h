// The application's end of a channel: submits, takes completions, owns transmit memory.
//
// One thread at a time (its owner holds a lock). Nothing here blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/region_allocator.h"
#include "channel/doorbell.h"
#include "channel/layout.h"
#include "channel/region.h"
#include "channel/ring.h"

namespace homa::channel {

class ApplicationEnd {
 public:
  // `bell`: what the engine gave when the region was attached to it. Throws std::bad_alloc.
  // `reserved`: bytes at the end of transmit memory that allocate() does not give out.
  ApplicationEnd(std::shared_ptr<Region> region, Bell bell, std::uint64_t reserved = 0);
  ~ApplicationEnd();  // tells the engine that the application is gone
  // In a forked child: the engine is the parent's, and so is this end. Nobody is told anything.
  void leave_to_parent() { left_to_parent_ = true; }
  ApplicationEnd(const ApplicationEnd&) = delete;
  ApplicationEnd& operator=(const ApplicationEnd&) = delete;

  // For an attached region whose application's end could not be made: the engine forgets it.
  static void abandon(Region& region, Bell& bell);

  // False: the ring is full. The engine sees it after publish().
  bool submit(const Submission& submission) { return submissions_.push(submission); }
  // The same as submit(), to be filled in place.
  Submission* submit_place() { return submissions_.push_place(); }
  // Wakes the engine when it sleeps; `only_release`: only if it waits for memory.
  void publish(bool only_release = false);
  // The same while the engine is known to be awake, and will look before it sleeps.
  void publish_to_awake() {
    submissions_.publish_to_awake();
    bell_.mark();
  }
  // Makes the engine look at this channel.
  void ring() { bell_.ring(); }

  bool next(Completion* completion) { return completions_.pop(completion); }
  // Frees the places of what next() gave, and lets the engine fill them when it waits for that.
  void done_reading() {
    if (completions_.publish_some() && completions_held()) ring();
  }
  bool has_completions() { return !completions_.empty(); }

  // For threads that watch the ring without owning this end: has anything come beyond `position`?
  std::uint64_t position() const { return completions_.position(); }
  bool anything_beyond(std::uint64_t position) const {
    return completions_.waiting_beyond(position);
  }

  // The engine wrote impossible indices into the rings; nothing is read from them any more.
  bool broken() const { return submissions_.broken() || completions_.broken(); }
  bool engine_leaves() const { return bell_.engine_leaves(); }
  bool engine_gone() const { return header_.engine_gone.load(std::memory_order_acquire) != 0; }

  // --- Transmit memory ---
  // Offset of `bytes` (> 0) bytes; nullopt: exhausted.
  std::uint64_t reserved_begin() const { return allocator_.capacity(); }
  // What allocate() gives at most when everything is free.
  std::uint64_t longest() const { return allocator_.longest(); }
  std::optional<std::uint64_t> allocate(std::uint32_t bytes) {
    unpassed_ = true;
    return allocator_.allocate(bytes);
  }
  bool has_room(std::uint64_t bytes) { return allocator_.has_room(bytes); }
  std::span<std::byte> memory(std::uint64_t offset, std::uint32_t bytes) const;
  // False: no block of this channel begins at `offset`, which may be any number.
  [[nodiscard]] bool free(std::uint64_t offset) {
    unpassed_ = true;
    return allocator_.free(offset);
  }
  std::uint64_t transmit_bytes_used() const { return allocator_.used(); }

  // A step of a pass over transmit memory: pages that nobody has used since the pass before go back
  // to the system, about `bytes_max` at once. False: the pass goes on. About one pass in a second.
  bool discard_unused(std::uint64_t bytes_max);
  // A pass would find nothing, now and later, as long as nobody gets or frees memory.
  bool transmit_settled() const { return !unpassed_ && !in_pass_ && allocator_.settled(); }

  // --- Who wants to be woken ---
  WakeWord& wake_word(std::uint32_t index) const { return region_->wake_words()[index]; }
  // 1 + index of the wake word that the engine is to wake when a message comes; 0: none. Look for
  // completions once more afterwards.
  void set_sleeper(std::uint32_t index_plus_one) {
    header_.sleeper.store(index_plus_one, std::memory_order_seq_cst);
  }
  // Asks for one write to descriptor() when the next message comes. Look once more afterwards.
  void arm_descriptor() { header_.descriptor_armed.store(1, std::memory_order_seq_cst); }
  bool descriptor_armed() const {
    return header_.descriptor_armed.load(std::memory_order_seq_cst) != 0;
  }
  // False: the engine wrote to the descriptor, or is about to.
  bool disarm_descriptor() {
    return header_.descriptor_armed.exchange(0, std::memory_order_seq_cst) != 0;
  }
  // The same for making descriptor() writable when transmit memory comes back.
  void want_room() { header_.room_wanted.store(1, std::memory_order_seq_cst); }
  bool wants_room() const { return header_.room_wanted.load(std::memory_order_seq_cst) != 0; }
  bool want_no_room() { return header_.room_wanted.exchange(0, std::memory_order_seq_cst) != 0; }
  Region& region() { return *region_; }
  // The engine is lost, and the region is for the next one: whatever the former one had is free.
  // Throws std::bad_alloc before it changes anything.
  void restart();
  // What the next engine gave. It was asked after restart().
  void set_bell(Bell bell) { bell_ = std::move(bell); }
  // There is no next engine after all.
  void lose_engine() { header_.engine_gone.store(1, std::memory_order_seq_cst); }
  // What the engine writes: see Region::open_descriptor(), which goes before all of these.
  Result<int, Error> open_descriptor() { return region_->open_descriptor(); }
  void signal_descriptor() {
    if (const Signal* signal = region_->signal()) signal->raise();
  }
  void block_descriptor() {
    if (const Signal* signal = region_->signal()) signal->block();
  }
  void unblock_descriptor() {
    if (const Signal* signal = region_->signal()) signal->unblock();
  }
  // Whether it was readable.
  bool clear_descriptor() {
    const Signal* const signal = region_->signal();
    return signal != nullptr && signal->clear();
  }

 private:
  // Completions found no room in the ring and wait at the engine.
  bool completions_held() const {
    return header_.completions_held.load(std::memory_order_seq_cst) != 0;
  }

  std::shared_ptr<Region> region_;
  Header& header_;
  Bell bell_;
  bool left_to_parent_ = false;
  RingWriter<Submission> submissions_;
  RingReader<Completion> completions_;
  base::RegionAllocator allocator_;
  bool in_pass_ = false;
  bool unpassed_ = false;  // memory was taken or freed since the last pass began
};

}  // namespace homa::channel
