// Requests and answers of fixed sizes over one transport, between two hosts of a lab.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::bench {

struct NetCase {
  // "tcp", "udp" (bare sockets), "xdp" (bare AF_XDP), "homa-udp", "homa-xdp", "homa-raw", and in
  // bench_peers "grpc", "zeromq", "nng".
  std::string transport = "homa-udp";
  bool spin = true;                // poll without end; false: sleep until something comes
  std::uint32_t poll_usecs = 0;    // homa, not spinning: poll this long before sleeping
  bool normal_scheduling = false;  // else both processes come before all others
  bool any_core = false;           // else each process stays on a core of its own
  bool threaded = false;           // homa: the library's thread runs the engine, not the callers
  bool in_place = false;           // homa: requests are built in transmit memory, not copied there
  std::uint32_t request = 100;     // bytes
  std::uint32_t response = 100;
  std::uint32_t outstanding = 1;                    // requests in progress
  int cpu_latency_usecs = -1;                       // homa: HostConfig::cpu_latency; -1: not set
  std::map<std::string, std::string> parameters{};  // homa: of the protocol
  std::uint32_t connections = 1;                    // tcp: they share `outstanding`
};

// Both run in the network namespace of their host, each in a process of its own.
class Server {
 public:
  virtual ~Server() = default;
  // Answers requests until `stop`.
  virtual void serve(const std::atomic<bool>& stop) = 0;
};

class Client {
 public:
  virtual ~Client() = default;
  // Sends `count` requests; at most outstanding are in progress.
  virtual void start(std::uint32_t count) = 0;
  // How many answers came; spinning: maybe none, else waits (for at most 100 ms or so).
  virtual std::uint32_t poll() = 0;
};

inline constexpr int kClientHost = 1, kServerHost = 2;
inline constexpr std::uint16_t kBenchPort = 4000;
std::string host_address(int host);

// A transport of the program that it is linked into. Each has one object of namespace scope in the
// file that implements it; a case belongs to the transport whose name it has, or begins with.
class Transport {
 public:
  using MakeServer = Result<std::unique_ptr<Server>, Error> (*)(const NetCase& what);
  using MakeClient = Result<std::unique_ptr<Client>, Error> (*)(const NetCase& what);
  Transport(std::string name, MakeServer make_server, MakeClient make_client);

  std::string name;
  MakeServer make_server;
  MakeClient make_client;
};

}  // namespace homa::bench
