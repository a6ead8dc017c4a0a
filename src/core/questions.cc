#include "core/questions.h"

namespace homa::core {

bool Questions::ask(Time now, Duration tick) {
  if (now - tick_began_ >= tick) {
    tick_began_ = now;
    credit_ = std::max(credit_, kLeast);
  }
  if (credit_ < kCost) return false;
  credit_ -= kCost;
  return true;
}

}  // namespace homa::core
