// A place for runs to happen in (a lab of its own, a lab that exists, or loopback) and the idle
// network's figures, measured once per protocol and workload.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tools/bench/report.h"
#include "tools/lab/lab.h"

namespace homa::tools {

struct BenchPlace {
  bool loopback = false;
  std::string existing_lab;  // use this one and leave it
  LabConfig lab;             // otherwise make this one; hosts and rate count for loopback, too
  // Instead of all these: clients in this network namespace, as many as lab.hosts, of this server.
  std::optional<BenchServer> server;
};

class BenchSession {
 public:
  // `homa`: the hosts' configuration but for address and link rate.
  static Result<BenchSession, Error> open(const BenchPlace& place, const HostConfig& homa);

  std::size_t hosts() const { return setup_.hosts.size(); }
  std::uint64_t rate() const { return rate_; }
  const BenchSetup& setup() const { return setup_; }
  const std::string& description() const { return description_; }
  void set_spin(bool spin) { setup_.spin = spin; }
  void set_message_bytes_max(std::uint32_t bytes) { setup_.message_bytes_max = bytes; }
  void set_service(const ServiceTime& time, int threads);

  // The idle network's figures; measured at the first call for these arguments.
  Result<UnloadedCurve, Error> unloaded(const BenchProtocol& protocol, const BenchLoad& load);
  // One run, with slowdown against the idle network as Homa and as the protocol itself see it.
  Result<BenchResult, Error> run(const BenchProtocol& protocol, const BenchLoad& load,
                                 const OnProgress& on_progress);

 private:
  BenchSession() = default;
  std::unique_ptr<ScopedLab> lab_;
  BenchSetup setup_;
  std::uint64_t rate_ = 0;
  std::string description_;
  std::map<std::string, UnloadedCurve> unloaded_;
};

// The exit code for an error of a session, and its text on stderr behind `command`.
int report_bench_error(const std::string& command, const Error& error);

}  // namespace homa::tools
