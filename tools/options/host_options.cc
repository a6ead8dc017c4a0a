#include "tools/options/host_options.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "channel/control.h"
#include "core/config_fields.h"
#include "tools/options/quantity_option.h"

namespace homa::tools {
namespace {

std::string parameter_help() {
  std::string names;
  for (const core::ConfigField& field : core::config_fields()) {
    names += (names.empty() ? "" : ", ") + std::string(field.name);
  }
  return "NAME=VALUE: set a protocol parameter (" + names + ")";
}

// What CLI11 prints when the text is no good; "" when it is.
std::string check_parameter(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return "--set wants NAME=VALUE, got " + text;
  core::CoreConfig config;
  const auto set = core::set_field(config, text.substr(0, equals), text.substr(equals + 1));
  return set ? "" : set.error().text;
}

}  // namespace

void HostOptions::add_to(CLI::App& command) {
  const auto host = [](CLI::Option* option) { return option->group("Host"); };
  host(command.add_option("--engine", engine_,
                          "auto: homad's where it runs and no other option of this group is given "
                          "that is the engine's; own; daemon"))
      ->check(CLI::IsMember({"auto", "own", "daemon"}))
      ->capture_default_str();
  host(command.add_option("--daemon", daemon_socket_, "homad's socket"))
      ->default_str(std::string("$HOMA_DAEMON or ") + channel::kDefaultDaemonSocket);
  add_engine_to(command);
  host(add_duration(command, "--takeover", takeover_, {},
                    "without a waiting thread, then the library's thread runs the engine",
                    base::BareDuration::kMicroseconds));
  host(command.add_flag("--library-thread", library_thread_only_,
                        "run the engine in the library's thread only"));
  constexpr WholeRange kMemory{1 << 20, std::uint64_t{1} << 36, 1 << 20};
  host(add_whole(command, "--receive-memory", receive_bytes_, Quantity::kBytes, kMemory,
                 "for incoming messages; a bare number is MiB"))
      ->default_str("64mib");
  host(add_whole(command, "--transmit-memory", transmit_bytes_, Quantity::kBytes, kMemory,
                 "per socket for outgoing messages; a bare number is MiB"))
      ->default_str("64mib");
}

void HostOptions::add_engine_to(CLI::App& command) {
  const auto host = [](CLI::Option* option) { return option->group("Host"); };
  const auto fault = [](CLI::Option* option) { return option->group("Faults"); };
  host(command.add_option("--io", backend_,
                          "how packets travel: udp, raw, xdp (on veth: for small messages), auto"))
      ->capture_default_str();
  host(command.add_option("--address", address_, "local IP address (default: any)"));
  host(command.add_option("--interface", interface_, "network device"));
  udp_port_option_ = host(add_whole(command, "--udp-port", udp_port_, Quantity::kCount, {},
                                    "UDP port of the engine; 0: any free one"));
  host(add_whole(command, "--mtu", mtu_, Quantity::kBytes, {}, "IP packet size limit"))
      ->default_str("the device's");
  constexpr auto kUs = base::BareDuration::kMicroseconds;
  poll_option_ = host(add_duration(command, "--poll", poll_, {},
                                   "look for packets this long before sleeping", kUs));
  coalesce_option_ =
      host(add_duration(command, "--coalesce", coalesce_, {},
                        "a sleeping engine may look away this long while its link is busy", kUs))
          ->default_str("by the link's rate");
  cpu_latency_option_ =
      host(add_duration(command, "--cpu-latency", cpu_latency_, {},
                        "keep processors out of idle states that they leave more slowly (root)",
                        kUs))
          ->default_str("off");
  host(command.add_option("--set", parameters_, parameter_help()))
      ->check(CLI::Validator(check_parameter, "NAME=VALUE"));
  const CLI::Range fraction(0.0, 1.0);
  fault(command.add_option("--loss", loss_, "fraction of sent packets to lose"))->check(fraction);
  fault(command.add_option("--dup", duplication_, "fraction to send twice"))->check(fraction);
  fault(command.add_option("--reorder", reordering_, "fraction to hold back"))->check(fraction);
  fault(command.add_option("--fault-seed", fault_seed_, "the same seed gives the same faults"));
  fault(command.add_option("--pcap", pcap_, "write every packet to this file"));
}

HostConfig HostOptions::host_config() const {
  HostConfig config;
  config.engine = engine_ == "own"      ? EngineChoice::kOwn
                  : engine_ == "daemon" ? EngineChoice::kDaemon
                                        : EngineChoice::kAuto;
  config.daemon_socket = daemon_socket_;
  config.backend = backend_;
  config.address = address_;
  config.interface = interface_;
  config.udp_port = any_udp_port_ && udp_port_option_->count() == 0 ? 0 : udp_port_;
  config.mtu = mtu_;
  const auto whole_us = [](Duration time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time);
  };
  config.poll = whole_us(poll_);
  config.takeover = whole_us(takeover_);
  config.run_in_callers = !library_thread_only_;
  if (coalesce_option_->count() > 0) config.coalesce = whole_us(coalesce_);
  if (cpu_latency_option_->count() > 0) config.cpu_latency = whole_us(cpu_latency_);
  config.receive_bytes = receive_bytes_;
  config.transmit_bytes = transmit_bytes_;
  for (const std::string& parameter : parameters_) {
    const std::size_t equals = parameter.find('=');
    config.parameters[parameter.substr(0, equals)] = parameter.substr(equals + 1);
  }
  config.loss = loss_;
  config.duplication = duplication_;
  config.reordering = reordering_;
  config.fault_seed = fault_seed_;
  config.pcap = pcap_;
  return config;
}

std::optional<Duration> HostOptions::poll() const {
  if (poll_option_->count() == 0) return std::nullopt;
  return poll_;
}

}  // namespace homa::tools
