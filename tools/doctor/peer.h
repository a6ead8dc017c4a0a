// What a Homa server at the peer shows of the network between.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "homa/address.h"
#include "homa/error.h"
#include "homa/host.h"
#include "homa/result.h"
#include "tools/doctor/finding.h"

namespace homa::tools {

struct PeerFacts {
  std::vector<double> idle;         // round trips of short calls, microseconds, sorted
  std::vector<double> loaded;       // the same beside long requests; empty: there was no load
  double sent_bits_per_second = 0;  // of the long requests
};

// Calls the server some dozens of times; with `load`, for two seconds more beside long requests as
// fast as the link takes them. The error of the first call that failed.
Result<PeerFacts, Error> measure_peer(const HostConfig& config, const SocketAddress& server,
                                      bool load);
Finding check_answers(const PeerFacts& facts);
// `link`: as it was detected; 0: not known.
Finding check_measured_rate(const PeerFacts& facts, std::uint64_t link);
Finding check_queues(const PeerFacts& facts, std::uint64_t link);

}  // namespace homa::tools
