// The engine's end of a channel: takes submissions, gives completions, wakes whoever asked for it.
//
// The engine's thread only. Trusts nothing in the region: indices are checked by the rings, entries
// are copies, and slices of transmit memory are checked against the layout that was created.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/growing_queue.h"
#include "channel/layout.h"
#include "channel/region.h"
#include "channel/ring.h"

namespace homa::channel {

class EngineEnd {
 public:
  // `held_in_all`: completions that are held for all channels of the same program.
  explicit EngineEnd(std::shared_ptr<Region> region, std::size_t* held_in_all = nullptr);
  ~EngineEnd();  // no engine reads the channel any more; who waits is woken
  EngineEnd(const EngineEnd&) = delete;
  EngineEnd& operator=(const EngineEnd&) = delete;

  // False: nothing there, or the application has to take completions first.
  bool next(Submission* submission);
  bool has_submissions() { return may_submit() && !submissions_.empty(); }
  std::size_t submission_entries() const { return region_->layout().submission_entries; }

  // Never lost while the channel is not broken: what finds no room in the ring waits here.
  // `message`: worth waking somebody for.
  void complete(const Completion& completion, bool message) { place(message) = completion; }
  // The same, to be filled in place, all of it, before anything else is called.
  Completion& place(bool message);
  // A block of transmit memory is the application's again.
  void give_back(std::uint64_t memory) {
    Completion& completion = place(false);
    completion = Completion{};
    completion.kind = CompletionKind::kTransmitDone;
    completion.memory = memory;
    room_ = true;
  }
  // Makes what was completed visible, gives the places of submissions back, wakes who asked for it.
  void publish() {
    submissions_.publish_some();
    if (completions_.unpublished() || !held_.empty()) publish_completions();
  }

  // Whether the application broke the rings, or there was no memory to hold what it does not read;
  // nothing is read from it any more.
  bool broken() const { return submissions_.broken() || completions_.broken() || lost_; }
  bool application_gone() const {
    return header_.application_gone.load(std::memory_order_acquire) != 0;
  }

  // `length` bytes of transmit memory; nullopt: not inside it.
  std::optional<std::span<std::byte>> transmit(std::uint64_t offset, std::uint64_t length) const;

  // Completions wait for room in the ring. The application rings when it has made some.
  bool holds_completions() const { return !held_.empty(); }

 private:
  bool may_submit() const { return held_.empty() || *held_in_all_ < kHeldMax; }
  void publish_completions();
  Completion& hold();
  void flush_held();
  void wake_application();
  void tell_of_room();

  // While more completions than these are held for its program, a channel that has to do with it
  // submits nothing. An application that reads completions whenever it submits owes far fewer.
  static constexpr std::size_t kHeldMax = 1 << 14;

  std::shared_ptr<Region> region_;
  Header& header_;
  std::span<std::byte> transmit_;
  std::span<WakeWord> wake_words_;
  RingReader<Submission> submissions_;
  RingWriter<Completion> completions_;
  base::GrowingQueue<Completion> held_;
  std::size_t held_here_ = 0;
  std::size_t* held_in_all_;
  bool lost_ = false;           // a completion, for want of memory
  Completion lost_completion_;  // where such a one goes
  bool message_ = false;        // one was completed since the last publish()
  bool room_ = false;           // transmit memory came back since then
};

}  // namespace homa::channel
