// What a peer's silence means for one RPC, and what to do about it (docs/protocol.md#loss, #acks).
//
// Pure rules: what is known of the RPC and its peer, and the time, give one action. The receiver of
// a message asks for what is missing. The sender of a response asks whether it may forget it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"
#include "core/config.h"
#include "core/questions.h"

namespace homa::core {

// What is remembered of an RPC's silence; part of the RPC.
struct SilenceState {
  Time last_heard{};            // silence counts from here
  std::uint32_t asked = 0;      // RESEND rounds, or NEED_ACKs, since the peer was last heard
  std::uint32_t postponed = 0;  // rounds left out since then because our link was busy
  Time next_need_ack{};         // not before this

  // Silence counts from now on, and questions begin anew.
  void restart(Time now) {
    last_heard = now;
    asked = 0;
  }
};

class Silence {
 public:
  enum class Action : std::uint8_t {
    kWait,      // nothing to do yet
    kPostpone,  // wait: packets of the peer may be queued for our busy link
    kSayBusy,   // we make the peer wait: tell it, so that it does not give up
    kAsk,       // RESEND, or NEED_ACK
    kNotNow,    // would ask, but the peer was asked enough: its turn comes later
    kTimeOut,   // the peer is dead
    kForget,    // the peer never acked the response: drop it
  };
  struct Verdict {
    Action action = Action::kWait;
    bool unresponsive = false;  // the peer should have sent by now: others may have its grants
    Time next{};                // look again then
  };

  // Of one who waits for bytes: a client, or a server whose request still arrives.
  struct Receiver {
    Time last_sent{};          // our own last new data of the RPC
    bool started = false;      // some bytes of the message were announced
    bool ours_to_act = false;  // we withhold grants or a buffer, or our own bytes wait to be sent
    bool link_busy = false;    // the peer's packets may be queued for our link
  };
  // Of a server that replies.
  struct Replier {
    Time last_sent{};
    bool all_sent = false;     // and nothing to send again
    bool ours_to_act = false;  // bytes wait to be sent
  };

  explicit Silence(const CoreConfig& config) : config_(config) {}

  // When silence so far has a consequence.
  Time deadline(const SilenceState& state, Time last_sent) const;
  // `turn` spreads RPCs of a peer that was asked enough over the next ticks: any number that
  // differs between them. O(1).
  Verdict receiver(Time now, SilenceState& state, const Receiver& known, Questions& questions,
                   std::uint64_t turn) const;
  Verdict replier(Time now, SilenceState& state, const Replier& known, Questions& questions,
                  std::uint64_t turn) const;

  // How far back a busy link explains silence.
  Duration link_memory() const { return ticks(config_.resend_ticks) / 2; }
  Duration ticks(std::uint32_t count) const { return config_.tick * count; }

 private:
  Verdict not_now(Time now, std::uint64_t turn) const;
  Duration patience(const SilenceState& state) const {
    return ticks(config_.resend_ticks + state.asked * config_.resend_interval);
  }

  const CoreConfig& config_;
};

}  // namespace homa::core
