// In the place of grpc.cc where gRPC is not built in.
#include "tools/bench/transport.h"

namespace homa::tools {

bool has_grpc() { return false; }

Result<std::unique_ptr<BenchTransport>, Error> make_grpc_transport(const BenchSetup&, std::size_t,
                                                                   const BenchProtocol&,
                                                                   const BenchPattern&) {
  return Unexpected(Error{ErrorCode::kInvalidArgument,
                          "this build has no gRPC: install libgrpc++-dev and configure with "
                          "-DHOMA_BENCH_GRPC=ON"});
}

}  // namespace homa::tools
