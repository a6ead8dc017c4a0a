#include "tools/options/host_options.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "core/config_fields.h"

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
  const auto fault = [](CLI::Option* option) { return option->group("Faults"); };
  host(command.add_option("--io", backend_, "how packets travel: udp, raw, xdp, auto"))
      ->capture_default_str();
  host(command.add_option("--address", address_, "local IP address (default: any)"));
  host(command.add_option("--interface", interface_, "network device"));
  udp_port_option_ =
      host(command.add_option("--udp-port", udp_port_, "UDP port of the engine; 0: any free one"));
  host(command.add_option("--mtu", mtu_, "IP packet size limit (default: the device's)"));
  poll_option_ =
      host(command.add_option("--poll", poll_us_, "microseconds to poll before sleeping"))
          ->capture_default_str();
  host(command.add_option("--takeover", takeover_us_,
                          "microseconds without a waiting thread until the library's thread runs "
                          "the engine"))
      ->capture_default_str();
  host(command.add_flag("--library-thread", library_thread_only_,
                        "run the engine in the library's thread only"));
  host(command.add_option("--coalesce", coalesce_us_,
                          "microseconds that a sleeping engine may look away while its link is "
                          "busy (default: by the link's rate)"));
  cpu_latency_option_ = host(command.add_option(
      "--cpu-latency", cpu_latency_us_,
      "microseconds: keep processors out of idle states that they leave more slowly (root)"));
  host(command.add_option("--receive-memory", receive_megabytes_, "MB for incoming messages"))
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  host(command.add_option("--transmit-memory", transmit_megabytes_, "MB per socket for outgoing"))
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
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
  config.backend = backend_;
  config.address = address_;
  config.interface = interface_;
  config.udp_port = any_udp_port_ && udp_port_option_->count() == 0 ? 0 : udp_port_;
  config.mtu = mtu_;
  config.poll = std::chrono::microseconds(poll_us_);
  config.takeover = std::chrono::microseconds(takeover_us_);
  config.run_in_callers = !library_thread_only_;
  if (coalesce_us_) config.coalesce = std::chrono::microseconds(*coalesce_us_);
  if (cpu_latency_option_->count() > 0) {
    config.cpu_latency = std::chrono::microseconds(cpu_latency_us_);
  }
  config.receive_bytes = receive_megabytes_ << 20;
  config.transmit_bytes = transmit_megabytes_ << 20;
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

std::optional<std::chrono::microseconds> HostOptions::poll() const {
  if (poll_option_->count() == 0) return std::nullopt;
  return std::chrono::microseconds(poll_us_);
}

}  // namespace homa::tools
