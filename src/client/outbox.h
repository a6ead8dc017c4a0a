// What a socket sends: room in its submission ring and its transmit memory, buffers on their way
// back to the engine, and messages that are copied while their beginning is sent.
//
// One thread at a time (the socket's lock), but for the copy itself. Nothing here blocks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"
#include "channel/application_end.h"
#include "client/gather.h"
#include "homa/message.h"

namespace homa::client {

class Outbox {
 public:
  using Lock = std::unique_lock<channel::Mutex>;
  // So many bytes of a message are there when it is submitted, and so many more each time; the
  // engine sends them while the rest is copied.
  static constexpr std::size_t kCopyAtOnce = 64 << 10;
  // Longer messages are copied without the socket's lock.
  static constexpr std::size_t kCopyLocked = 4096;

  // Messages follow each other soon if at most so much time is between them.
  static constexpr Duration kSoon{5'000};
  // So many leave together at most.
  static constexpr std::uint32_t kBatchMax = 32;

  // A message that is copied while its beginning is sent; lives on its thread's stack.
  struct Supply {
    std::uint64_t memory = 0;
    bool returned = false;  // the engine gave the block back: its RPC ended
  };

  explicit Outbox(channel::ApplicationEnd& channel) : channel_(channel) {}

  // --- The submission ring ---
  // An entry to be filled, with `kind` and `rpc` in it. nullptr: the ring is full. The engine sees
  // it after the channel's publish().
  channel::Submission* try_place(channel::SubmissionKind kind, RpcHandle rpc) {
    channel::Submission* place = channel_.submit_place();
    if (place != nullptr) clear(*place, kind, rpc);
    return place;
  }
  // For submissions that no engine will see any more.
  channel::Submission& discarded(channel::SubmissionKind kind, RpcHandle rpc) {
    clear(discarded_, kind, rpc);
    return discarded_;
  }
  // A received message's buffer is the engine's again: now, or at a later retry_releases(). Throws
  // std::bad_alloc before it changes anything.
  void release(std::uint64_t buffer);
  // In two steps, for a message that the application holds meanwhile: only the first one throws.
  void expect_release();
  void release_expected(std::uint64_t buffer);
  void forget_expected() { --expected_; }
  bool owes_releases() const { return !unreleased_.empty(); }
  void retry_releases();
  void forget_releases() { unreleased_.clear(); }

  // --- Holding back ---
  // A message was submitted at `now`, and there is another one to work on. True: it is to leave
  // together with the next message, because that follows soon: the last one did, too. What a
  // message waits so is less than what it would wait for a system call for each one before it.
  bool hold_back(Time now);
  // A thread has waited until `now`: what it does next, it does from then on.
  void waited(Time now) { last_message_ = now; }
  bool holds_back() const { return held_back_ > 0; }
  void handed_over() { held_back_ = 0; }

  // --- Transmit memory ---
  // A block with the first kCopyAtOnce of the message in it; nullopt: no room. A long copy gives
  // the lock up meanwhile.
  std::optional<std::uint64_t> copy_in(Lock& lock, Gather& message);
  // Copies the next piece of a long message.
  void copy_next(const Supply& supply, Gather& message);
  // A block that the application fills itself, until end_prepared().
  std::optional<std::uint64_t> prepare(std::uint32_t bytes) {
    const auto memory = channel_.allocate(bytes);
    if (memory) ++prepared_;
    return memory;
  }
  void end_prepared() { --prepared_; }
  // A message of `bytes` that began now would find room.
  bool has_room(std::uint64_t bytes) { return channel_.has_room(std::min(bytes, longest())); }
  // Longer messages never fit.
  std::uint64_t longest() const { return channel_.longest(); }
  // A block that was never submitted, or that the engine gave back. False: there is no such block.
  [[nodiscard]] bool free(std::uint64_t memory) { return channel_.free(memory); }

  // begin_supply() will throw nothing. Throws std::bad_alloc.
  void reserve_supply() { supplies_.reserve(supplies_.size() + 1); }
  void begin_supply(Supply& supply) { supplies_.push_back(&supply); }
  void end_supply(Supply& supply) {
    supplies_.erase(std::find(supplies_.begin(), supplies_.end(), &supply));
  }
  // --- An engine that is lost ---
  // Nothing goes to it any more.
  void engine_lost() {
    unreleased_.clear();
    held_back_ = 0;
    for (Supply* supply : supplies_) supply->returned = true;
  }
  // A message is being copied into transmit memory, or built there.
  bool copying() const { return copies_ > 0 || prepared_ > 0 || !supplies_.empty(); }

  // The engine gave a block back. False: it is no block of this socket, so the engine is broken.
  [[nodiscard]] bool transmit_done(std::uint64_t memory);

 private:
  void reserve_one();
  void put_release(std::uint64_t buffer);
  static void clear(channel::Submission& place, channel::SubmissionKind kind, RpcHandle rpc) {
    place = channel::Submission{};
    place.kind = kind;
    place.handle = rpc;
  }

  channel::ApplicationEnd& channel_;
  channel::Submission discarded_;
  std::vector<std::uint64_t> unreleased_;  // buffers that found no room in the ring
  std::size_t expected_ = 0;               // messages that the application holds
  std::vector<Supply*> supplies_;          // as many as threads that copy
  std::uint32_t prepared_ = 0;             // messages that the application builds
  std::uint32_t copies_ = 0;               // of beginnings of messages, without the lock
  std::uint32_t held_back_ = 0;            // messages
  Time last_message_{};                    // when hold_back() or waited() was last called
};

}  // namespace homa::client
