// What one benchmark run does: words shared by the parent, the host processes and the report.
//
// How load is counted: every host is a client of every other host. A link carries, in each
// direction, the requests of its host (or to it) and the responses of the RPCs that it serves (or
// started), so its share is the payload bytes of requests and responses together, per direction:
// load = rate of RPCs per host * (mean request + mean response) * 8 / link rate. Headers, acks and
// grants come on top, for every protocol alike.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "homa/host.h"
#include "sim/workload.h"
#include "tools/options/message_content.h"
#include "tools/options/service_time.h"

namespace homa::tools {

using Nanoseconds = std::chrono::nanoseconds;

// Where one host of the benchmark runs.
struct BenchHostPlace {
  std::string network_namespace;  // empty: this process's own
  std::string address;
};

struct BenchProtocol {
  enum class Kind : std::uint8_t { kHoma, kTcp, kGrpc, kUdpEcho, kTcpEcho };
  Kind kind = Kind::kHoma;
  std::string congestion_control;  // TCP only
  int connections = 1;             // TCP and gRPC: per ordered pair of hosts
  std::string variant{};           // what else is different about the place, behind the name

  std::string name() const;  // "homa", "tcp-cubic", "grpc", "udp-echo", ...
  bool is_homa() const { return kind == Kind::kHoma; }
  bool is_tcp() const { return kind == Kind::kTcp; }
  // Bare echoes carry no RPCs: they only serve to measure the idle network.
  bool is_echo() const { return kind == Kind::kUdpEcho || kind == Kind::kTcpEcho; }
};

struct BenchLoad {
  sim::WorkloadDistribution workload = sim::WorkloadDistribution::fixed(100);
  std::uint32_t response_bytes = 0;  // 0: the response is as long as its request
  double load = 0.5;                 // share of the link's payload bytes, see above
  std::uint64_t rate = 200'000'000;  // of the link, bits per second
  int concurrency = 0;               // > 0: closed loop instead, so many RPCs outstanding per host
  std::uint64_t rpcs = 0;            // > 0: the whole run ends after this many RPCs
  Nanoseconds warm_up = std::chrono::seconds(2);
  Nanoseconds duration = std::chrono::seconds(10);
  // After the last arrival, wait this long for what is still under way.
  Nanoseconds drain = std::chrono::seconds(10);
  std::uint64_t seed = 1;
  bool one_server = false;  // all requests go to BenchSetup::server

  std::uint32_t response_to(std::uint32_t request) const {
    return response_bytes == 0 ? request : response_bytes;
  }
  double mean_rpc_bytes() const;  // request and response
  // That one host starts; 0 with a single host, unless all load is for one server.
  double rpcs_per_second(int hosts) const;
};

// Where requests go that are not for the other hosts of the benchmark, and what they contain.
struct BenchServer {
  SocketAddress address;
  MessageContent content;
};

struct BenchSetup {
  std::vector<BenchHostPlace> hosts;
  HostConfig homa;  // address and UDP port are filled in per host
  std::uint16_t tcp_port = 7100;
  std::uint32_t message_bytes_max = 1'000'000;
  std::string lab;       // its name; empty: none
  int network_cpu = -1;  // of the lab: the hosts keep off it, as long as they can
  // A server that is not part of the benchmark: hosts are clients only, and no content is checked.
  std::optional<BenchServer> server;
  ServiceTime service_time;
  int server_threads = 0;  // 0: requests are answered in the thread that starts RPCs
  bool spin = false;  // bare echoes spin; each host has a CPU of its own, as far as there are any
};

}  // namespace homa::tools
