// How a socket reaches an engine. Nothing else in a socket knows who runs the engine, or where.
//
// A socket's channel (its rings and its transmit memory) is made by attach(). After that, the link
// says when the engine looks at the channel: publish() and run() after submissions, begin_watch(),
// watch() and sleep() while a thread waits for completions.
//
// Threads: every member may be called by any thread, unless it says otherwise. A link outlives the
// sockets on it and the messages that they received, because it owns the receive memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "channel/application_end.h"
#include "channel/region.h"
#include "client/housekeeping.h"
#include "homa/error.h"
#include "homa/host.h"
#include "homa/result.h"

namespace homa::client {

struct LinkLimits {
  std::uint32_t rpcs_max = 0;           // that one socket has in progress
  std::uint32_t message_bytes_max = 0;  // of a request or a response
  std::uint64_t transmit_bytes = 0;     // of each socket
  // A thread watches the ring so long before it sleeps; 0: watching is driving the engine.
  Duration look{0};
};

// What a waiting thread looks at: its socket's completion ring, and its wake word. Made under the
// socket's lock, used without it.
class Watch {
 public:
  Watch(const channel::ApplicationEnd& channel, channel::WakeWord& word)
      : channel_(&channel), position_(channel.position()), word_(&word) {}
  // A completion came that nobody had taken when the watch was made, or somebody woke the thread.
  bool ready() const {
    return channel_->anything_beyond(position_) || word_->load(std::memory_order_seq_cst) != 0;
  }
  channel::WakeWord& word() const { return *word_; }

 private:
  const channel::ApplicationEnd* channel_;
  std::uint64_t position_;
  channel::WakeWord* word_;
};

// Who uses an engine, and is told when it is there no more.
class EngineUser : public Untidy {
 public:
  // By a thread of the link's, without a lock of its.
  virtual void engine_lost() = 0;
  // Another one is there: whose channel has no engine is to reattach(). False: not yet.
  virtual bool engine_back() = 0;
};

// The receive memory of one socket, where that is memory of the application's own.
class OwnMemory {
 public:
  virtual ~OwnMemory() = default;
  // Once: messages lie there from now on. kNoMemory, kClosed.
  virtual Result<void, Error> give(std::span<std::byte> memory) = 0;
  // When it returns, the engine writes nothing there any more. Any number of times.
  virtual void take_back() = 0;
};

class EngineLink {
 public:
  // Owned: the engine is at rest, and the holder of the lock may run it. Not owned: it runs.
  using Hold = std::unique_lock<channel::Mutex>;

  virtual ~EngineLink() = default;

  // The calling process was forked from the one that the link belongs to: it must not call anything
  // else here, nor take a lock that is shared with other threads.
  virtual bool inherited() const = 0;

  virtual const LinkLimits& limits() const = 0;
  // Where received messages lie. Completions name offsets in it.
  struct ReceiveMemory {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;  // nullptr: the link
  };
  virtual ReceiveMemory receive_memory() const = 0;
  // A new channel, which the engine serves until one of its ends is gone; it is to open `port` (0:
  // a client's). The result is for its ApplicationEnd. kNoMemory, kClosed, kNotPermitted.
  struct Attached {
    std::shared_ptr<channel::Region> region;
    channel::Bell bell;
    std::unique_ptr<OwnMemory> memory{};  // of attach_apart()
  };
  virtual Result<Attached, Error> attach(const channel::ChannelConfig& config,
                                         std::uint16_t port) = 0;
  // The same for a client's channel whose messages lie in memory of the application's, and wait
  // until that is given. kInvalidArgument: the engine cannot write there.
  virtual Result<Attached, Error> attach_apart(const channel::ChannelConfig& config) = 0;
  // Tells `user`, as long as it lives, when the engine is lost, and tidies it now and then. Throws
  // std::bad_alloc.
  virtual void add_user(const std::shared_ptr<EngineUser>& user) = 0;
  // Before it is destroyed. Waits while it is tidied.
  virtual void remove_user(EngineUser& user) = 0;
  // Before a further port is asked for on an attached channel. kNotPermitted, kClosed.
  virtual Result<void, Error> permit_port(channel::Region& region, std::uint16_t port) = 0;
  // An engine that is lost will be there again, or another one.
  virtual bool comes_back() const = 0;
  // Another homad takes the place of ours: waits for that one, but no longer than kSuccessorAtMost.
  // False: there is none, or not yet.
  static constexpr std::chrono::seconds kSuccessorAtMost{5};
  virtual bool await_successor() = 0;
  // A channel has no engine, and its user was not told: the link is to find out why.
  virtual void look_after() = 0;
  // The channel, which has begun anew, is for the engine that is there now; `port` is opened (0: a
  // client's). kClosed: there is none. Anything else: it was refused.
  struct Reattached {
    channel::Bell bell;
    std::uint16_t port;
  };
  virtual Result<Reattached, Error> reattach(channel::Region& region, std::uint16_t port) = 0;
  // Before the region's descriptor is used: the engine must be able to raise it. kSystem.
  virtual Result<void, Error> share_signal(channel::Region& region) = 0;

  // --- Handing over ---
  // Makes what was submitted visible to the engine, and wakes it if it sleeps and nobody else will
  // run it. Under the socket's lock; run() must follow when the lock has been given up.
  virtual Hold publish(channel::ApplicationEnd& channel) = 0;
  virtual void run(Hold hold) = 0;
  // Instead of publish(): the message is seen when the engine next runs. True: it may wait so long,
  // because the thread that submitted it, or another one, will run the engine soon.
  virtual bool leave(channel::ApplicationEnd& channel) = 0;
  // The submission ring is full and published: lets the engine take from it, or yields to it.
  virtual void make_room() = 0;

  // --- Waiting ---
  // `watching`: threads that watch the same ring already. `waited`: how long the caller has waited
  // so far. True: the caller is to watch() the ring and needs no wake-up. False: it is to sleep().
  // Under the socket's lock.
  virtual bool begin_watch(std::uint32_t watching, Duration waited) = 0;
  // Without the socket's lock, after begin_watch() was true. Returns when the watch is ready, at
  // `until`, or earlier when it is no use to watch longer. `now` is the present time. Returns for
  // how long the thread lost the processor, if it only looks: the longest such time.
  virtual Duration watch(const Watch& watch, Time now, Time until) = 0;
  // Without the socket's lock. Returns when the word is woken, at `until`, or when begin_watch()
  // may be true.
  virtual void sleep(const Watch& watch, Time until) = 0;
  // After the word of a thread in watch() was woken: ends its sleep, if it sleeps there.
  virtual void interrupt() = 0;
  // A thread that called sleep() or watch() waits no more.
  virtual void end_wait() = 0;
  // The application asked for a descriptor: it may wait there, too, and then drives nothing.
  virtual void expect_descriptors() = 0;
  // For who does not want to wait: takes what has arrived, if that can be done at once.
  virtual void look() = 0;

  // --- The host ---
  // Tells the peers and ends. Received messages stay valid.
  virtual void stop() = 0;
  virtual Address address() const = 0;
  virtual std::string description() const = 0;
  virtual std::vector<Counter> counters() = 0;
  // Does what is due now, unless a thread drives the engine; returns how much that was.
  virtual std::size_t poll() = 0;
};

}  // namespace homa::client
