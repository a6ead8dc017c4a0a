// A histogram as a reader has it: a copy of an engine's, or the difference of two copies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace homa::observe {

struct Distribution {
  std::string name, meaning, unit;
  // Of messages longer than `above` bytes and not longer than `up_to` (0: no limit).
  std::uint64_t above = 0, up_to = 0;
  int precision = 0;  // base/buckets.h
  std::uint64_t sum = 0;
  std::vector<std::uint64_t> counts;

  std::uint64_t count() const;
  double mean() const;
  // A value that `share` of all values do not exceed, rounded up within its bucket; 0: none.
  std::uint64_t percentile(double share) const;
  // The values that were not there yet in an earlier copy of the same histogram.
  Distribution since(const Distribution& earlier) const;
  // Adds the values of another one of the same precision and unit.
  void add(const Distribution& other);
};

}  // namespace homa::observe
