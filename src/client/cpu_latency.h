// Keeps the processors out of idle states that they wake up from slowly (/dev/cpu_dma_latency):
// the kernel heeds the limit as long as the descriptor is open, for every processor of the machine.
#pragma once

#include <chrono>

#include "base/descriptor.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::client {

inline constexpr const char* kCpuLatencyDevice = "/dev/cpu_dma_latency";

// 0: never leave the shallowest state. kInvalidArgument, kNotPermitted (needs root), kSystem.
Result<base::Descriptor, Error> limit_cpu_latency(std::chrono::microseconds at_most,
                                                  const char* device = kCpuLatencyDevice);

}  // namespace homa::client
