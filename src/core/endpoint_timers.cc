// Silence: the receiver of a message drives its repair; a server asks for its ack
// (docs/protocol.md#loss, #acks).
#include <algorithm>
#include <cstddef>

#include "core/endpoint_impl.h"

namespace homa::core {
namespace {
constexpr std::size_t kGapsPerRound = 64;  // RESENDs in one go; the rest at the next
constexpr std::uint32_t kBackoffDoublingsMax = 20;
}  // namespace

void Endpoint::Impl::on_time(Time now) {
  last_now_ = now;
  if (admission_.closing() != nullptr) close_step(now);
  while (Timer* timer = timers_.expire(now)) check(now, *timer->rpc);
  if (config_.cutoff_interval > Duration::zero() && now >= next_cutoffs_) recompute_cutoffs(now);
}

void Endpoint::Impl::recompute_cutoffs(Time now) {
  next_cutoffs_ = now + config_.cutoff_interval;
  if (priorities_.recompute(config_.cutoff_messages_min)) trace::add(counters_.cutoffs_recomputed);
}

// The next time at which silence so far has a consequence.
void Endpoint::Impl::arm(Time now, Rpc& rpc) {
  const Time since = std::max(rpc.last_heard, rpc.out.last_sent());
  const Time resend = since + ticks(config_.resend_ticks + rpc.resends * config_.resend_interval);
  timers_.arm(now, rpc.timer, std::min(resend, since + ticks(config_.timeout_ticks)));
}

void Endpoint::Impl::check(Time now, Rpc& rpc) {
  if (rpc.is_client || rpc.state == Rpc::State::kReceiving) {
    check_receiver(now, rpc);
  } else if (rpc.state == Rpc::State::kReplying) {
    check_replying(now, rpc);
  }  // kServing: the application takes the time it takes
}

bool Endpoint::Impl::silence_excused(const Rpc& rpc) const {
  if (rpc.buffer.waits()) return true;
  if (rpc.in.started()) return rpc.in.received() >= rpc.grant.granted;  // we withhold grants
  // Our own bytes wait for their turn, or for the application to hand them over.
  return rpc.out.sendable() || rpc.out.must_resend() || !rpc.out.supplied();
}

// Whoever sent to us within `lately` may find its packets waiting for our link.
bool Endpoint::Impl::may_be_queued(Time now, Duration lately) const {
  return !downlink_.idle_since(now, now - lately);
}

void Endpoint::Impl::check_receiver(Time now, Rpc& rpc) {
  if (silence_excused(rpc)) {
    rpc.last_heard = now;
    rpc.resends = 0;
    if (rpc.in.started()) send_busy(now, rpc);  // we make the sender wait: it must not give up
  } else {
    const Duration silence = now - std::max(rpc.last_heard, rpc.out.last_sent());
    if (silence >= ticks(config_.timeout_ticks)) {
      if (rpc.is_client) send_error(now, rpc, ErrorCode::kCancelled);
      fail(now, rpc, ErrorCode::kTimeout, true);
      return;
    }
    if (silence >= ticks(config_.resend_ticks + rpc.resends * config_.resend_interval)) {
      const bool queued = may_be_queued(now, ticks(config_.resend_ticks) / 2);
      // A busy link explains half a timeout, no more.
      if (queued && 2 * ++rpc.excuses * config_.resend_ticks <= config_.timeout_ticks) {
        rpc.last_heard = now;
        rpc.resends = 0;
        trace::add(counters_.resends_postponed);
      } else {
        if (!queued) grants_.set_silent(rpc.grant, true);
        if (!may_ask(now, rpc)) return;
        ask_again(now, rpc);
        ++rpc.resends;
      }
    }
  }
  arm(now, rpc);
}

// False: its peer was asked enough; this RPC has its turn later, and its silence counts on.
bool Endpoint::Impl::may_ask(Time now, Rpc& rpc) {
  if (rpc.peer->questions.ask(now, config_.tick)) return true;
  trace::add(counters_.questions_postponed);
  // Not all in the same tick.
  const std::uint64_t turn = raw(rpc.client_id) / 2 % config_.resend_interval;
  timers_.arm(now, rpc.timer, now + ticks(static_cast<std::uint32_t>(turn) + 1));
  return false;
}

// One RESEND per gap and one for the granted tail; for everything when nothing came.
void Endpoint::Impl::ask_again(Time now, Rpc& rpc) {
  if (!rpc.in.started() || rpc.in.end() == 0) {
    send_resend(now, rpc, 0, wire::kEverythingSent);
    return;
  }
  const auto gaps = rpc.in.gaps();
  for (std::size_t i = 0; i < std::min(gaps.size(), kGapsPerRound); ++i) {
    send_resend(now, rpc, gaps[i].begin, gaps[i].size());
  }
  if (rpc.in.end() < rpc.grant.granted) {
    send_resend(now, rpc, rpc.in.end(), rpc.grant.granted - rpc.in.end());
  }
}

void Endpoint::Impl::check_replying(Time now, Rpc& rpc) {
  MessageOut& out = rpc.out;
  if (!out.all_sent() || out.must_resend()) {
    // The client drives; a client that died must not keep its response here for ever.
    if (out.sendable() || out.must_resend() || !out.supplied()) rpc.last_heard = now;
    if (now - std::max(rpc.last_heard, out.last_sent()) >= ticks(config_.timeout_ticks)) {
      fail(now, rpc, ErrorCode::kTimeout, false);
      return;
    }
    timers_.arm(now, rpc.timer, now + ticks(config_.resend_ticks));
    return;
  }
  if (now - std::max(rpc.last_heard, out.last_sent()) >= config_.need_ack_give_up) {
    trace::add(counters_.need_ack_given_up);
    end(now, rpc);
    return;
  }
  const Time first = out.last_sent() + ticks(config_.request_ack_ticks);
  rpc.next_need_ack = std::max(rpc.next_need_ack, first);
  if (now >= rpc.next_need_ack) {
    if (!may_ask(now, rpc)) return;
    trace::add(counters_.need_ack_sent);
    control(now, rpc.peer->address, wire::NeedAckHeader{header_for(rpc)});
    const Duration wait = config_.tick * (1LL << std::min(rpc.resends, kBackoffDoublingsMax));
    rpc.next_need_ack = now + std::min(wait, config_.need_ack_backoff_max);
    ++rpc.resends;
  }
  timers_.arm(now, rpc.timer, rpc.next_need_ack);
}

}  // namespace homa::core
