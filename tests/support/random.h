// Random numbers for tests: base::SplitMix and what tests draw besides.
#pragma once

#include <cstdint>

#include "base/split_mix.h"

namespace homa::test {

class Random : public base::SplitMix {
 public:
  using SplitMix::SplitMix;

  // 0..bound-1; bound > 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
};

}  // namespace homa::test
