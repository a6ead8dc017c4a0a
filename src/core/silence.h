// What a peer's silence means for one RPC, and what to do about it (docs/protocol.md#loss, #acks).
//
// Pure rules: what is known of the RPC and its peer, and the time, give one action. The receiver of
// a message asks for what is missing. The sender of a response asks before it forgets it. Whether
// the peer may be asked now is another question (core/questions.h): when it was asked, the caller
// says so with receiver_asked() or replier_asked().
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"
#include "core/config.h"
#include "core/liveness.h"
#include "core/repairs.h"

namespace homa::core {

// What is remembered of an RPC's silence; part of the RPC.
struct SilenceState {
  Time last_heard{};              // silence counts from here
  std::uint32_t asked = 0;        // RESEND rounds, or NEED_ACKs, since the peer was last heard
  std::uint32_t postponed = 0;    // rounds left out since then because our link was busy
  Unanswered unanswered;          // questions of one who waits for bytes
  std::uint32_t begun_again = 0;  // times that the server said UNKNOWN
  Repairs::Mark repair = 0;       // where the bytes that were asked for last end (Peer::repairs)
  Time next_need_ack{};           // not before this
  Time busy_said{};               // when a BUSY about it was sent last

  // Silence counts from now on, and questions begin anew.
  void restart(Time now) {
    last_heard = now;
    asked = 0;
    unanswered.answered();
  }
};

class Silence {
 public:
  enum class Action : std::uint8_t {
    kWait,         // nothing to do yet
    kPostpone,     // wait: packets of the peer may be queued for our busy link
    kAwaitRepair,  // wait: what was asked for is on its way
    kWatch,        // the RPC has nothing to do but to wait (core/watch.h)
    kAsk,          // RESEND or QUERY, or NEED_ACK; as soon as the peer may be asked
    kHostIsDead,   // the peer answered no question, whatever it was about
    kTimeOut,      // the peer answered no question about this RPC
    kForget,       // the client is gone: drop the response
  };
  struct Verdict {
    Action action = Action::kWait;
    bool unresponsive = false;  // the peer should have sent by now: others may have its grants
    Time next{};                // look again then
  };

  // Of one who waits for bytes: a client, or a server whose request still arrives.
  struct Receiver {
    Time last_sent{};                  // our own last new data of the RPC
    bool ours_to_act = false;          // we withhold grants or a buffer, or our own bytes wait
    bool acknowledged = false;         // the server knows our RPC, and nothing came of its response
    bool link_busy = false;            // the peer's packets may be queued for our link
    const Liveness* host = nullptr;    // of the peer
    const Repairs* repairs = nullptr;  // of the peer
  };
  // Of a server that replies.
  struct Replier {
    Time last_sent{};
    bool all_sent = false;     // and nothing to send again
    bool ours_to_act = false;  // bytes wait to be sent
    Time host_heard{};         // the peer, whatever it said
  };

  explicit Silence(const CoreConfig& config) : config_(config) {}

  // When silence so far has a consequence.
  Time deadline(const SilenceState& state, Time last_sent) const;
  Verdict receiver(Time now, SilenceState& state, const Receiver& known) const;
  void receiver_asked(Time now, SilenceState& state) const;
  // The server says that it does not have the request, so it is sent again. That is an answer, but
  // not for ever: a request that never gets through must fail.
  void begins_again(SilenceState& state) const;
  Verdict replier(Time now, SilenceState& state, const Replier& known) const;
  // Look again at state.next_need_ack.
  void replier_asked(Time now, SilenceState& state, const Replier& known) const;

  // How far back a busy link explains silence.
  Duration link_memory() const { return ticks(config_.resend_ticks) / 2; }
  Duration ticks(std::uint32_t count) const { return config_.tick * count; }

 private:
  // Without an answer, a client is asked for its ack soon, and for grants after this time: it may
  // have its reasons to withhold them.
  Duration before_need_ack(const Replier& known) const {
    return ticks(known.all_sent ? config_.request_ack_ticks : config_.timeout_ticks);
  }
  bool client_is_gone(Time now, const SilenceState& state, const Replier& known) const;
  Duration patience(const SilenceState& state) const {
    return ticks(config_.resend_ticks + state.asked * config_.resend_interval);
  }

  const CoreConfig& config_;
};

}  // namespace homa::core
