// What silence means. A host that was never asked is not dead because it says nothing; one that was
// asked several times over some time, and gave no sign of life, is. The same holds for one RPC at a
// host that lives (docs/protocol.md#who-is-given-up).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"
#include "core/config.h"

namespace homa::core {

// The questions since the last answer.
class Unanswered {
 public:
  void asked(Time now, const CoreConfig& config) {
    if (count_++ == 0) first_ = now;
    if (count_ == config.timeout_questions) enough_ = now;
    last_ = now;
  }
  void answered() { count_ = 0; }

  std::uint32_t count() const { return count_; }
  Time last() const { return last_; }  // while count() > 0
  // When there is no hope any longer, unless an answer comes or, as long as there were too few of
  // them (kNever), a further question is asked.
  Time hopeless_at(const CoreConfig& config) const {
    if (count_ < config.timeout_questions) return kNever;
    const Duration patience = config.tick * (config.timeout_ticks - config.resend_ticks);
    return std::max(first_ + patience, enough_ + config.tick * config.resend_interval);
  }
  bool hopeless(Time now, const CoreConfig& config) const { return now >= hopeless_at(config); }

 private:
  std::uint32_t count_ = 0;
  Time first_{}, enough_{}, last_{};
};

// Whether a host lives: any packet of its present engine shows that it does.
class Liveness {
 public:
  void heard(Time now) {
    last_heard_ = now;
    questions_.answered();
  }
  void asked(Time now, const CoreConfig& config) { questions_.asked(now, config); }

  Time last_heard() const { return last_heard_; }
  bool in_doubt() const { return questions_.count() > 0; }  // asked, and silent since
  Time last_asked() const { return questions_.last(); }     // while in_doubt()
  bool dead(Time now, const CoreConfig& config) const { return questions_.hopeless(now, config); }
  // Whatever was asked so far counts no more.
  void forget_questions() { questions_.answered(); }

 private:
  Time last_heard_{};
  Unanswered questions_;
};

}  // namespace homa::core
