// The threads that wait for messages of one socket: who watches the ring, who sleeps, who is woken.
//
// A thread that watches the completion ring needs no wake-up. Only when none does, the channel
// names one for the engine to wake: the one that went to sleep last, whose memory is still in the
// processor's caches. One thread at a time (the socket's lock).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "channel/application_end.h"
#include "client/engine_link.h"

namespace homa::client {

// A thread that waits for something of a socket; lives on its stack.
struct Waiter {
  bool any = false;         // waits for any message
  bool watching = false;    // watches the ring itself
  std::uint32_t index = 0;  // of its wake word in the channel, plus one; 0: none was left
  channel::WakeWord own_word{0};
  channel::WakeWord* word = &own_word;  // 1: look again
};

class WaitQueue {
 public:
  WaitQueue(channel::ApplicationEnd& channel, EngineLink& link);

  void enter(Waiter& waiter);
  void leave(Waiter& waiter);
  // Before a waiter sleeps or watches: what woke it is done with. The engine may have woken it
  // after it last looked for completions, so it is to look once more: what it was woken for is
  // visible.
  static void rearm(Waiter& waiter) { waiter.word->exchange(0, std::memory_order_seq_cst); }
  void begin_watch(Waiter& waiter) {
    waiter.watching = true;
    ++watching_;
  }
  void end_watch(Waiter& waiter) {
    waiter.watching = false;
    --watching_;
  }
  std::uint32_t watching() const { return watching_; }  // threads

  // Whether anybody has to be told anything: see notify_any() and name_sleeper().
  bool busy() const { return !waiters_.empty() || named_ != 0; }
  // Makes a waiter look again.
  void notify(Waiter& waiter);
  void notify_all();
  // `messages` for anybody are there: one thread for each, the most recent first.
  void notify_any(std::size_t messages);
  // Tells the engine whom to wake. True: it names another thread than before, so look for
  // completions once more: those that came before it did woke nobody.
  bool name_sleeper();

 private:
  channel::ApplicationEnd& channel_;
  EngineLink& link_;
  std::vector<Waiter*> waiters_;             // the most recent one last
  std::vector<std::uint32_t> free_indices_;  // of wake words
  std::uint32_t watching_ = 0;
  std::uint32_t named_ = 0;  // what the channel names; 0: nobody
};

}  // namespace homa::client
