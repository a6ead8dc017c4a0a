#include "core/watch.h"

#include <algorithm>

namespace homa::core {

void Watch::add(Time now, Place& place, const CoreConfig& config) {
  if (line_.empty()) asked_at_ = now;
  interval_ = 2 * config.resend_ticks * config.tick;
  line_.join(place);
}

// Two reasons to ask: the host has been silent for a while, or so many RPCs wait that it takes one
// question in this time to ask about each of them once in question_interval_max.
Time Watch::due(const Liveness& host, std::size_t per_question, const CoreConfig& config) const {
  if (line_.empty() || config.canary_no_questions) return kNever;
  const Duration again = config.resend_interval * config.tick;
  if (host.in_doubt()) return host.last_asked() + again;
  const auto rpcs = static_cast<std::int64_t>(line_.size());
  const Duration longest = config.question_interval_max;
  const Duration rotation =
      std::min(longest, longest * static_cast<std::int64_t>(per_question) / rpcs);
  // Half of that for one RPC, less with more of them: so the question and its answer are at most
  // one packet for each of them in half of question_interval_max.
  const Duration share = std::max(config.timeout_ticks * config.tick / 2, longest / (2 * rpcs));
  const Duration silence = std::min(interval_, share);
  return std::min(asked_at_ + rotation, std::max(asked_at_, host.last_heard()) + silence);
}

Rpc& Watch::next() {
  Rpc& rpc = *line_.front();
  line_.rotate();
  return rpc;
}

void Watch::asked(Time now, const CoreConfig& config) {
  asked_at_ = now;
  interval_ = std::min(2 * interval_, config.question_interval_max);
}

}  // namespace homa::core
