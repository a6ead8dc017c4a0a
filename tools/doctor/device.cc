#include "tools/doctor/device.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/ethtool.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/descriptor.h"
#include "base/failure.h"
#include "io/device.h"
#include "io/ethtool.h"
#include "io/kernel_routes.h"
#include "io/netlink.h"
#include "io/open.h"
#include "observe/engine_state.h"
#include "tools/text/units.h"

namespace homa::tools {
namespace {

constexpr std::uint32_t kMtuLeast = 1'500;

std::optional<bool> setting(const std::string& interface, std::uint32_t command) {
  ethtool_value request{};
  request.cmd = command;
  if (!io::ask_driver(io::control_socket(), interface, request)) return std::nullopt;
  return request.data != 0;
}

Result<DeviceFacts, Error> named(std::string name, std::uint32_t mtu) {
  DeviceFacts facts;
  facts.mtu = mtu;
  facts.bits_per_second = io::link_rate(name);
  facts.segmentation = setting(name, ETHTOOL_GGSO);
  facts.receive_merging = setting(name, ETHTOOL_GGRO);
  facts.loopback = name == "lo";
  facts.name = std::move(name);
  return facts;
}

std::string pids_of(const std::vector<observe::EngineState>& engines) {
  std::string text;
  for (const auto& engine : engines) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", engine.program, engine.pid);
  }
  return text;
}

bool is_taken(std::uint16_t port) {
  const base::Descriptor socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
         errno == EADDRINUSE;
}

}  // namespace

Result<DeviceFacts, Error> device_facts(const std::optional<Address>& peer,
                                        const std::string& interface) {
  if (!peer || !interface.empty()) {
    io::IoConfig config;
    config.interface = interface;
    const auto device = io::find_device(config);
    if (!device) return Unexpected(device.error());
    return named(device->interface, device->mtu);
  }
  auto netlink = io::NetlinkSocket::open();
  if (!netlink) return Unexpected(netlink.error());
  const auto route = io::find_route(*netlink, {*peer, {}, peer->scope, false});
  if (!route) {
    return failure(ErrorCode::kPeerUnreachable, "no route leads to " + peer->to_string());
  }
  const io::KernelDevice device = io::kernel_device(*netlink, route->device);
  return named(device.name, route->mtu != 0 ? route->mtu : device.mtu);
}

Finding check_mtu(const DeviceFacts& facts) {
  std::string what = fmt::format("{}: {} bytes", facts.name, facts.mtu);
  if (facts.mtu >= kMtuLeast) return good("mtu", what);
  return {"mtu", Verdict::kNote, what,
          "every packet costs the same, so that smaller ones carry fewer bytes a second",
          fmt::format("ip link set {} mtu 1500, unless the network is narrower on purpose (a "
                      "tunnel)",
                      facts.name)};
}

Finding check_link_rate(const DeviceFacts& facts) {
  if (facts.bits_per_second != 0) {
    return good("link rate", fmt::format("{}: {}", facts.name, format_rate(facts.bits_per_second)));
  }
  if (facts.loopback) return good("link rate", "lo: none, and none is needed");
  return {"link rate", Verdict::kNote, facts.name + ": not known",
          "packets are not paced, so that they queue in the device, short behind long ones; grants "
          "are those of 10 Gbit/s",
          "--set link_bits_per_second=RATE (HostConfig::parameters, homad's [parameters]), if the "
          "link has a limit"};
}

Finding check_offloads(const DeviceFacts& facts) {
  std::string off;
  if (!facts.segmentation.value_or(true)) off = "gso";
  if (!facts.receive_merging.value_or(true)) off += off.empty() ? "gro" : " gro";
  if (off.empty()) {
    return good("offloads", facts.segmentation ? facts.name + ": gso and gro are on"
                                               : facts.name + ": the driver does not tell");
  }
  return {"offloads", Verdict::kNote, fmt::format("{}: {} off", facts.name, off),
          "long messages cost one system call a packet (gso), or one walk through the kernel (gro)",
          fmt::format("ethtool -K {} gso on gro on, unless a shaper with a small burst needs it so",
                      facts.name)};
}

Finding check_back_ends(const std::string& interface) {
  io::IoConfig config;
  config.backend = "auto";
  config.interface = interface;
  config.udp_port = 0;
  const auto io = io::open(config);
  if (!io) return {"back end", Verdict::kProblem, "none works", io.error().text, {}};
  const io::IoCapabilities capabilities = (*io)->capabilities();
  return good("back end", fmt::format("auto is {} ({})", capabilities.name, capabilities.note));
}

Finding check_engines(std::uint16_t port) {
  auto engines = observe::read_states(trace::state_folder(), false);
  const auto homads = std::count_if(engines.begin(), engines.end(),
                                    [](const auto& each) { return each.program == "homad"; });
  std::erase_if(engines, [](const auto& each) { return each.program == "homad"; });
  if (engines.size() + (homads > 0 ? 1 : 0) > 1) {
    return {"engines", Verdict::kNote,
            fmt::format("{}{}", pids_of(engines), homads > 0 ? ", and homad" : ""),
            "each engine orders and paces only its own messages: they compete for the link",
            homads > 0 ? "let programs use homad (HOMA_DAEMON, --engine daemon)"
                       : "start homad, which is one engine for all programs"};
  }
  if (engines.empty() && homads == 0 && is_taken(port)) {
    return {"engines", Verdict::kProblem,
            fmt::format("UDP port {} is taken by a program that is no Homa engine", port),
            "no engine can use it here, and peers that send to it reach that program",
            fmt::format("end that program (ss -ulnp sport = :{}), or choose another port "
                        "(--udp-port)",
                        port)};
  }
  return good("engines", homads > 0 ? "homad" : engines.empty() ? "none runs" : pids_of(engines));
}

}  // namespace homa::tools
