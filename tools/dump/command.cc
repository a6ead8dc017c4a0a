#include "tools/dump/command.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "homa/address.h"
#include "tools/dump/capture_file.h"
#include "tools/dump/packet_text.h"

namespace homa::tools {
namespace {

using std::chrono::duration;

struct Settings {
  std::string path;
  std::vector<std::uint16_t> udp_ports{kDefaultUdpPort};
  bool json = false;
  bool all = false;
};

void print(const CapturedFrame& frame, std::chrono::nanoseconds first, bool json,
           const nlohmann::ordered_json& fields) {
  const double since_first = duration<double>(frame.time - first).count();
  if (!json) {
    fmt::print("{:.6f} {}\n", since_first, to_line(fields));
    return;
  }
  nlohmann::ordered_json object;
  object["time"] = since_first;
  object["timestamp_ns"] = frame.time.count();
  object.update(fields);
  fmt::print("{}\n", object.dump());
}

int dump(const Settings& settings) {
  auto file = CaptureFile::open(settings.path);
  if (!file) {
    return report_error("homa dump", file.error());
  }
  const DumpOptions options{settings.udp_ports, settings.all};
  std::optional<std::chrono::nanoseconds> first;
  std::size_t skipped = 0;
  while (true) {
    const auto next = file->next();
    if (!next) {
      return report_error("homa dump", next.error());
    }
    if (!*next) break;
    const CapturedFrame& frame = **next;
    if (!first) first = frame.time;
    const auto packets = describe_frame(file->link(), frame.bytes, options);
    for (const auto& fields : packets) print(frame, *first, settings.json, fields);
    if (packets.empty()) ++skipped;
  }
  std::fflush(stdout);
  if (skipped > 0) {
    fmt::print(stderr, "homa dump: {} packets are not Homa's; --all shows them\n", skipped);
  }
  return kSuccess;
}

}  // namespace

void add_dump_command(CLI::App& app, Run& run) {
  auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand("dump", "Print a packet capture, a line per packet");
  command->footer(
      "  homa ping 10.0.0.2:4000 --count 3 --pcap traffic.pcap && homa dump traffic.pcap\n"
      "Wireshark reads the same files, see docs/wireshark.md.");
  command->add_option("file", settings->path, "pcap or pcapng file; - is standard input")
      ->required();
  command->add_option("--udp-port", settings->udp_ports, "UDP ports that carry Homa")
      ->delimiter(',')
      ->capture_default_str();
  command->add_flag("--json", settings->json,
                    "One JSON object per line; ids are whole numbers of 64 bits");
  command->add_flag("--all", settings->all, "Also packets that are neither Homa nor ICMP");
  command->callback([settings, &run] { run = [settings] { return dump(*settings); }; });
}

}  // namespace homa::tools
