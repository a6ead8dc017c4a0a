#include "bench_config.h"

namespace homa::tools {

std::string BenchProtocol::name() const { return is_homa() ? "homa" : "tcp-" + congestion_control; }

double BenchLoad::mean_rpc_bytes() const {
  const double request = workload.mean_bytes();
  return request + (response_bytes == 0 ? request : static_cast<double>(response_bytes));
}

double BenchLoad::rpcs_per_second(int hosts) const {
  if (hosts < 2) return 0;
  return load * static_cast<double>(rate) / 8.0 / mean_rpc_bytes();
}

}  // namespace homa::tools
