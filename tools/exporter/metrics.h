// What engines publish, in Prometheus' terms.
#pragma once

#include <prometheus/metric_family.h>

#include <span>
#include <vector>

#include "observe/engine_state.h"

namespace homa::tools {

// Counters are named homa_NAME_total, gauges homa_NAME, in Prometheus' units: seconds and bytes.
// Each has the labels program, pid, and engine, which counts the engines of one process from 0.
std::vector<prometheus::MetricFamily> metric_families(
    std::span<const observe::EngineState> engines);

}  // namespace homa::tools
