#include "tools/bench/config.h"

namespace homa::tools {

std::string BenchProtocol::name() const {
  switch (kind) {
    case Kind::kHoma: return "homa";
    case Kind::kGrpc: return "grpc";
    case Kind::kUdpEcho: return "udp-echo";
    case Kind::kTcpEcho: return "tcp-echo";
    case Kind::kTcp: break;
  }
  return "tcp-" + congestion_control + (variant.empty() ? "" : "-" + variant);
}

double BenchLoad::mean_rpc_bytes() const {
  const double request = workload.mean_bytes();
  return request + (response_bytes == 0 ? request : static_cast<double>(response_bytes));
}

double BenchLoad::rpcs_per_second(int hosts) const {
  if (hosts < 2 && !one_server) return 0;
  return load * static_cast<double>(rate) / 8.0 / mean_rpc_bytes();
}

}  // namespace homa::tools
