// A ring of fixed-size entries in shared memory: one writer, one reader, neither trusting the
// other.
//
// Each end keeps its own index privately and only publishes it; of the other end it reads the
// published index alone, and an impossible one makes the ring broken for good, never an access
// outside. Entries are copied out before they are looked at. Publishing is sequentially consistent,
// so that "publish, then see whether the other sleeps" and "say that I sleep, then see whether
// there is something" cannot both miss.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "channel/atomic.h"

namespace homa::channel {

template <typename T>
class RingWriter {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  RingWriter() = default;
  // The number of entries is a power of two.
  RingWriter(std::span<T> entries, Atomic<std::uint64_t>& tail, const Atomic<std::uint64_t>& head)
      : entries_(entries), published_(&tail), other_(&head) {}

  // Puts `entry` behind the others; the reader sees it after publish(). False: no room, or broken.
  bool push(const T& entry) {
    if (next_ - seen_ >= entries_.size() && !look()) return false;
    std::memcpy(static_cast<void*>(&entries_[next_ & (entries_.size() - 1)]), &entry, sizeof(T));
    ++next_;
    return true;
  }
  // The place behind the others, to be filled before publish(); holds what was there before.
  // nullptr: no room, or broken. Filling it here costs less than copying an entry that was put
  // together a moment ago: the processor would wait for that to reach its cache.
  T* push_place() {
    if (next_ - seen_ >= entries_.size() && !look()) return nullptr;
    return &entries_[next_++ & (entries_.size() - 1)];
  }
  // Whether anything was pushed since.
  bool publish() {
    if (published_value_ == next_) return false;
    published_value_ = next_;
    published_->store(next_, std::memory_order_seq_cst);
    return true;
  }
  // The same for a reader that is awake and will look again before it sleeps.
  void publish_to_awake() {
    published_value_ = next_;
    published_->store(next_, std::memory_order_release);
  }
  bool unpublished() const { return published_value_ != next_; }
  // Whether push() would find room; reads the other end's index anew.
  bool has_room() { return next_ - seen_ < entries_.size() || look(); }
  bool broken() const { return broken_; }
  // Both ends begin anew, and the shared indices are 0.
  void restart() {
    next_ = published_value_ = seen_ = 0;
    broken_ = false;
  }

 private:
  bool look() {
    const std::uint64_t head = other_->load(std::memory_order_seq_cst);
    if (next_ - head > entries_.size()) broken_ = true;
    if (broken_) return false;
    seen_ = head;
    return next_ - seen_ < entries_.size();
  }

  std::span<T> entries_;
  Atomic<std::uint64_t>* published_ = nullptr;
  const Atomic<std::uint64_t>* other_ = nullptr;
  std::uint64_t next_ = 0;
  std::uint64_t published_value_ = 0;
  std::uint64_t seen_ = 0;  // of the reader's index
  bool broken_ = false;
};

template <typename T>
class RingReader {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  RingReader() = default;
  RingReader(std::span<const T> entries, const Atomic<std::uint64_t>& tail,
             Atomic<std::uint64_t>& head)
      : entries_(entries),
        other_(&tail),
        published_(&head),
        worth_(std::max<std::uint64_t>(entries.size() / 8, 1)) {}

  // Copies the next entry out; its place is free for the writer after publish().
  bool pop(T* entry) {
    if (next_ == seen_ && !look()) return false;
    std::memcpy(static_cast<void*>(entry), &entries_[next_ & (entries_.size() - 1)], sizeof(T));
    ++next_;
    return true;
  }
  void publish() {
    if (published_value_ == next_) return;
    published_value_ = next_;
    published_->store(next_, std::memory_order_seq_cst);
  }
  // publish() when it is worth it: an eighth of the ring was read since. Nobody waits for less: a
  // ring that its writer finds full has more than that for the reader still to read. Whether it
  // was.
  bool publish_some() {
    if (next_ - published_value_ < worth_) return false;
    publish();
    return true;
  }
  // Whether there is something to pop. Any thread may ask for a ring that another one reads, when
  // it gives the index that it knows: see waiting_beyond().
  bool empty() { return next_ == seen_ && !look(); }
  std::uint64_t position() const { return next_; }
  bool waiting_beyond(std::uint64_t position) const {
    return other_->load(std::memory_order_acquire) != position;
  }
  bool broken() const { return broken_; }
  // As RingWriter::restart().
  void restart() {
    next_ = published_value_ = seen_ = 0;
    broken_ = false;
  }

 private:
  bool look() {
    const std::uint64_t tail = other_->load(std::memory_order_seq_cst);
    if (tail - next_ > entries_.size()) broken_ = true;
    if (broken_) return false;
    seen_ = tail;
    return next_ != seen_;
  }

  std::span<const T> entries_;
  const Atomic<std::uint64_t>* other_ = nullptr;
  Atomic<std::uint64_t>* published_ = nullptr;
  std::uint64_t worth_ = 1;
  std::uint64_t next_ = 0;
  std::uint64_t published_value_ = 0;
  std::uint64_t seen_ = 0;  // of the writer's index
  bool broken_ = false;
};

}  // namespace homa::channel
