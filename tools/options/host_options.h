// The options that every subcommand with a Homa host of its own has, and the host that they ask
// for.
//
//   HostOptions options;
//   options.add_to(command);              // --engine --io --address --udp-port --poll --set ...
//   ... auto config = options.host_config();  // after parsing
#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "homa/host.h"

namespace homa::tools {

// Lives as long as the command that it was added to.
class HostOptions {
 public:
  // Adds the options in a group named "Host"; those of faults in "Faults".
  void add_to(CLI::App& command);
  // Those only that an engine of one's own needs: homad's.
  void add_engine_to(CLI::App& command);

  // A client needs no particular UDP port: 0 unless the user chose one.
  void use_any_udp_port() { any_udp_port_ = true; }

  HostConfig host_config() const;
  // --poll, where the user gave it.
  std::optional<Duration> poll() const;

 private:
  std::string engine_ = "auto";
  std::string daemon_socket_;
  std::string backend_ = "udp";
  std::string address_;
  std::string interface_;
  std::uint16_t udp_port_ = kDefaultUdpPort;
  std::uint32_t mtu_ = 0;
  bool library_thread_only_ = false;
  bool any_udp_port_ = false;
  Duration poll_ = std::chrono::microseconds(50);
  Duration coalesce_{0};
  Duration takeover_ = std::chrono::microseconds(1000);
  Duration cpu_latency_{0};
  std::uint64_t receive_bytes_ = 64 << 20;
  std::uint64_t transmit_bytes_ = 64 << 20;
  std::vector<std::string> parameters_;  // "name=value"
  double loss_ = 0;
  double duplication_ = 0;
  double reordering_ = 0;
  std::uint64_t fault_seed_ = 1;
  std::string pcap_;
  CLI::Option* udp_port_option_ = nullptr;
  CLI::Option* poll_option_ = nullptr;
  CLI::Option* coalesce_option_ = nullptr;
  CLI::Option* cpu_latency_option_ = nullptr;
};

}  // namespace homa::tools
