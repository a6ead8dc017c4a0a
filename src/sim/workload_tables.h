// The tables behind WorkloadDistribution::named().
#pragma once

#include <span>
#include <string_view>

#include "sim/workload.h"

namespace homa::sim {

struct WorkloadTable {
  std::string_view name;
  std::string_view description;
  std::span<const WorkloadStep> steps;
};

std::span<const WorkloadTable> workload_tables();

}  // namespace homa::sim
