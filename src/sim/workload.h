// Message sizes: the five workloads of the Homa paper (SIGCOMM 2018) or a fixed size, with or
// without a limit. A message has exactly one of the listed sizes.
//
// sample() is a pure function of a number in [0, 1), so simulator and benchmarks draw the same
// sizes from the same seed with every compiler.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::sim {

// A size and the probability, in millionths, that a message is no longer than it.
struct WorkloadStep {
  std::uint32_t bytes = 0;
  std::uint32_t cumulative_millionths = 0;
};

class WorkloadDistribution {
 public:
  // "w1".."w5", or a decimal number of bytes for messages of one size (1..2^30). kInvalidArgument.
  static Result<WorkloadDistribution, Error> named(std::string_view name);
  // Every message has `bytes`, at least 1.
  static WorkloadDistribution fixed(std::uint32_t bytes);

  // The same, where a longer message is shortened to `bytes_max` (the kernel's benchmarks do so).
  WorkloadDistribution cut_off(std::uint32_t bytes_max) const;

  // The size at `uniform`, which is in [0, 1).
  std::uint32_t sample(double uniform) const;

  std::string_view name() const { return name_; }
  std::string_view description() const { return description_; }
  double mean_bytes() const;
  // The smallest size that at least half of the messages do not exceed.
  std::uint32_t median_bytes() const { return sample(0.5 - 1e-9); }
  std::uint32_t largest_bytes() const { return steps_.back().bytes; }
  // Ascending in both members; the last one is at 1,000,000. No two sizes are equal.
  std::span<const WorkloadStep> steps() const { return steps_; }
  // Probability of steps()[index] alone.
  double probability(std::size_t index) const;

 private:
  WorkloadDistribution(std::string name, std::string description, std::vector<WorkloadStep> steps);

  std::string name_;
  std::string description_;
  std::vector<WorkloadStep> steps_;
};

}  // namespace homa::sim
