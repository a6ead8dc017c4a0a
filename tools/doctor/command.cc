#include "tools/doctor/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tools/doctor/device.h"
#include "tools/doctor/machine.h"
#include "tools/doctor/path.h"
#include "tools/doctor/peer.h"
#include "tools/options/server_address.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

struct Settings {
  std::string peer;
  std::string interface;
  bool call = false;
  bool load = false;
  bool xdp = false;
  bool json = false;
};

Finding unchecked(const char* check, const Error& error) {
  return {check, Verdict::kUnchecked, "not known", error.text, {}};
}

void check_peer(Findings& findings, const SocketAddress& peer, const Settings& settings,
                const DeviceFacts& device) {
  if (const auto path = probe_mtu(peer.host, device.mtu)) {
    findings.push_back(check_path_mtu(*path, device.mtu));
  } else {
    findings.push_back(unchecked("path mtu", path.error()));
  }
  if (const auto arrived = probe_priorities(peer.host)) {
    findings.push_back(check_priorities(*arrived));
  } else {
    findings.push_back(unchecked("priorities", arrived.error()));
  }
  if (!settings.call && !settings.load) return;
  HostConfig config;
  config.udp_port = 0;
  config.engine = EngineChoice::kOwn;
  const auto facts = measure_peer(config, peer, settings.load);
  if (!facts) {
    findings.push_back(
        {"round trip", Verdict::kProblem,
         fmt::format("a call to {} failed: {}", peer.to_string(), to_string(facts.error().code)),
         facts.error().text, "run `homa serve` there, or name a server that answers"});
    return;
  }
  findings.push_back(check_answers(*facts));
  if (!settings.load) return;
  findings.push_back(check_measured_rate(*facts, device.bits_per_second));
  findings.push_back(check_queues(*facts, device.bits_per_second));
}

const char* word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood: return "good";
    case Verdict::kNote: return "note";
    case Verdict::kProblem: return "PROBLEM";
    case Verdict::kUnchecked: return "unchecked";
  }
  return "?";
}

void print(const Findings& findings) {
  for (const Finding& each : findings) {
    fmt::print("{:<10} {:<18} {}\n", word(each.verdict), each.check, each.what);
    if (!each.why.empty()) fmt::print("{:>29} {}\n", "why:", each.why);
    if (!each.cure.empty()) fmt::print("{:>29} {}\n", "do:", each.cure);
  }
}

void print_json(const Findings& findings) {
  auto json = nlohmann::ordered_json::array();
  for (const Finding& each : findings) {
    const std::string verdict = each.verdict == Verdict::kProblem ? "problem" : word(each.verdict);
    json.push_back({{"check", each.check},
                    {"verdict", verdict},
                    {"what", each.what},
                    {"why", each.why},
                    {"cure", each.cure}});
  }
  fmt::print("{}\n", json.dump());
}

int doctor(const Settings& settings) {
  std::optional<SocketAddress> peer;
  if (!settings.peer.empty()) {
    const auto parsed = parse_server(settings.peer);
    if (!parsed) return report_error("homa doctor", parsed.error());
    peer = *parsed;
  }
  const auto device =
      device_facts(peer ? std::optional(peer->host) : std::nullopt, settings.interface);
  if (!device) return report_error("homa doctor", device.error());
  Findings findings = check_machine(SystemFiles(), ::geteuid() == 0);
  for (const auto check : {check_mtu, check_link_rate, check_offloads}) {
    findings.push_back(check(*device));
  }
  findings.push_back(check_engines(peer ? peer->host.udp_port : kDefaultUdpPort));
  if (settings.xdp) findings.push_back(check_back_ends(device->name));
  if (peer) check_peer(findings, *peer, settings, *device);
  settings.json ? print_json(findings) : print(findings);
  const bool ill = std::any_of(findings.begin(), findings.end(), [](const Finding& each) {
    return each.verdict == Verdict::kProblem;
  });
  return ill ? kFailure : kSuccess;
}

}  // namespace

void add_doctor_command(CLI::App& app, Run& run) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command =
      app.add_subcommand("doctor", "What stands between this host and good latency");
  command->add_option(
      "peer", settings->peer,
      "HOST or HOST:PORT: also look at the path to this host; it need not run Homa");
  command->add_option("--interface", settings->interface, "the network device to look at");
  command->add_flag("--call", settings->call, "call a server at the peer, such as `homa serve`");
  command->add_flag("--load", settings->load,
                    "the same for two seconds beside as many long requests as the link takes");
  command->add_flag(
      "--xdp", settings->xdp,
      "see which back end is best; loads an XDP program into the device for a moment");
  command->add_flag("--json", settings->json, "print JSON");
  command->footer(
      "  homa doctor\n"
      "  homa doctor 10.0.0.2\n"
      "  homa doctor 10.0.0.2:4000 --load\n"
      "Each finding says what is so, why it matters, and what to do. Exit codes: 0 no problem was\n"
      "found (notes may be), 1 there is one. As root it sees more.");
  command->callback([settings, &run] { run = [settings] { return doctor(*settings); }; });
}

}  // namespace homa::tools
