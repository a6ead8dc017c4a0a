#include "core/questions.h"

namespace homa::core {

bool Questions::may_ask(Time now, Duration tick) {
  if (now - tick_began_ >= tick) {
    tick_began_ = now;
    credit_ = std::max(credit_, kLeast);
  }
  return credit_ >= kCost;
}

bool Questions::ask(Time now, Duration tick) {
  if (!may_ask(now, tick)) return false;
  credit_ -= kCost;
  return true;
}

}  // namespace homa::core
