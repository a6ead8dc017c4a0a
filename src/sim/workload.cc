#include "sim/workload.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/failure.h"
#include "base/quantity.h"
#include "sim/workload_tables.h"

namespace homa::sim {
namespace {

constexpr std::uint32_t kMillion = 1'000'000;
constexpr std::uint32_t kFixedBytesMax = 1U << 30;

// Steps of probability 0 (a table's tail, where six digits no longer tell sizes apart) can never
// be drawn; without them the largest size is one that occurs.
std::vector<WorkloadStep> without_empty_steps(std::span<const WorkloadStep> table) {
  std::vector<WorkloadStep> steps;
  std::uint32_t below = 0;
  for (const WorkloadStep& step : table) {
    if (step.cumulative_millionths > below) steps.push_back(step);
    below = step.cumulative_millionths;
  }
  return steps;
}

}  // namespace

WorkloadDistribution::WorkloadDistribution(std::string name, std::string description,
                                           std::vector<WorkloadStep> steps)
    : name_(std::move(name)), description_(std::move(description)), steps_(std::move(steps)) {
  HOMA_CHECK(!steps_.empty() && steps_.back().cumulative_millionths == kMillion);
}

Result<WorkloadDistribution, Error> WorkloadDistribution::named(std::string_view name) {
  for (const WorkloadTable& table : workload_tables()) {
    if (table.name == name) {
      return WorkloadDistribution(std::string(name), std::string(table.description),
                                  without_empty_steps(table.steps));
    }
  }
  const auto bytes = base::parse_bytes(name);
  if (!bytes || *bytes == 0 || *bytes > kFixedBytesMax) {
    return failure(ErrorCode::kInvalidArgument,
                   "workload \"" + std::string(name) +
                       "\" is neither w1..w5 nor a number of bytes from 1 to 2^30");
  }
  return fixed(static_cast<std::uint32_t>(*bytes));
}

WorkloadDistribution WorkloadDistribution::fixed(std::uint32_t bytes) {
  HOMA_CHECK(bytes > 0);
  return WorkloadDistribution(std::to_string(bytes), "messages of one size", {{bytes, kMillion}});
}

WorkloadDistribution WorkloadDistribution::cut_off(std::uint32_t bytes_max) const {
  HOMA_CHECK(bytes_max > 0);
  if (largest_bytes() <= bytes_max) return *this;
  std::vector<WorkloadStep> steps;
  for (const WorkloadStep& step : steps_) {
    if (step.bytes < bytes_max) steps.push_back(step);
  }
  steps.push_back({bytes_max, kMillion});
  return WorkloadDistribution(name_, description_, std::move(steps));
}

std::uint32_t WorkloadDistribution::sample(double uniform) const {
  const auto millionths =
      static_cast<std::uint32_t>(std::clamp(uniform, 0.0, 1.0) * static_cast<double>(kMillion));
  const auto step = std::upper_bound(
      steps_.begin(), steps_.end(), millionths,
      [](std::uint32_t at, const WorkloadStep& s) { return at < s.cumulative_millionths; });
  return step == steps_.end() ? steps_.back().bytes : step->bytes;
}

double WorkloadDistribution::mean_bytes() const {
  std::uint64_t sum = 0;  // at most 2^30 * 10^6: exact
  std::uint32_t below = 0;
  for (const WorkloadStep& step : steps_) {
    sum += std::uint64_t{step.bytes} * (step.cumulative_millionths - below);
    below = step.cumulative_millionths;
  }
  return static_cast<double>(sum) / static_cast<double>(kMillion);
}

double WorkloadDistribution::probability(std::size_t index) const {
  const std::uint32_t below = index == 0 ? 0 : steps_[index - 1].cumulative_millionths;
  return static_cast<double>(steps_[index].cumulative_millionths - below) /
         static_cast<double>(kMillion);
}

}  // namespace homa::sim
