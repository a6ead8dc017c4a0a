#include "tools/lab/plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace homa::tools {
namespace {

// Bytes on an Ethernet wire beyond the frame as the kernel counts it: preamble, start delimiter,
// checksum and gap. They take the link's time, so they count.
constexpr int kWireOverhead = 24;

std::uint64_t frame_bytes(const LabConfig& config) { return config.mtu + 14; }

// A shaper whose timer fires late must be able to catch up, or the link never reaches its rate;
// more than needed would let bursts pass faster than the link.
std::uint64_t burst_bytes(const LabConfig& config) {
  const std::uint64_t timer_jitter = config.rate / 8 / 500;  // 2 ms' worth
  return std::max(2 * (frame_bytes(config) + kWireOverhead), timer_jitter);
}

std::string mac_address(int host) {
  return fmt::format("02:77:00:00:{:02x}:{:02x}", host >> 8, host & 0xff);
}

std::string queue(const LabConfig& config) {
  return fmt::format("{} limit {}", config.buffer_in_bytes ? "bfifo" : "pfifo", config.buffer);
}

std::string host_script(const Lab& lab, int host) {
  const LabConfig& config = lab.config();
  std::string script = fmt::format(
      "link set lo up\n"
      "link set eth0 mtu {} up\n"
      "addr add {}/24 dev eth0\n"
      "addr add {}/64 dev eth0 nodad\n",
      config.mtu, Lab::host_address(host), Lab::host_address_v6(host));
  for (int peer = 1; peer <= config.hosts; ++peer) {
    if (peer == host) continue;
    for (const std::string& address : {Lab::host_address(peer), Lab::host_address_v6(peer)}) {
      script += fmt::format("neigh replace {} lladdr {} dev eth0 nud permanent\n", address,
                            mac_address(peer));
    }
  }
  return script;
}

std::string switch_script(const Lab& lab) {
  const LabConfig& config = lab.config();
  // Multicast snooping and spanning tree would only add packets and delays of their own.
  std::string script =
      "link add br0 type bridge mcast_snooping 0 stp_state 0 forward_delay 0\n"
      "link set br0 addrgenmode none up\n";
  for (int host = 1; host <= config.hosts; ++host) {
    script += fmt::format(
        "link add p{0} type veth peer name eth0 address {1} netns {2}\n"
        "link set p{0} mtu {3} addrgenmode none master br0 up\n",
        host, mac_address(host), lab.host_namespace(host), config.mtu);
  }
  return script;
}

std::string direct_script(const Lab& lab) {
  return fmt::format("link add eth0 address {} type veth peer name eth0 address {} netns {}\n",
                     mac_address(1), mac_address(2), lab.host_namespace(2));
}

void plan_host(const Lab& lab, int host, LabPlan& plan) {
  const std::string in = lab.host_namespace(host);
  if (!lab.config().offloads) {
    plan.steps.push_back({{"ip", "netns", "exec", in, "ethtool", "-K", "eth0", "tso", "off", "gso",
                           "off", "gro", "off", "tx-udp-segmentation", "off"},
                          {}});
  }
  plan.steps.push_back({{"ip", "-n", in, "-batch", "-"}, host_script(lab, host)});
  if (lab.config().rate != 0 && !lab.config().direct) {
    plan.steps.push_back({{"tc", "-n", in, "-batch", "-"}, nic_script(lab.config())});
  }
}

}  // namespace

std::string switch_port_script(const LabConfig& config, const std::string& device) {
  const std::uint64_t burst = burst_bytes(config);
  std::string script = fmt::format(
      "qdisc add dev {0} root handle 1: htb default 10\n"
      "class add dev {0} parent 1: classid 1:1 htb rate {1}bit ceil {1}bit burst {2} cburst {2} "
      "quantum {3} overhead {4}\n",
      device, config.rate, burst, frame_bytes(config) + kWireOverhead, kWireOverhead);
  // Level k of the packet's three bits goes to class 1:1k. With fewer levels than eight the highest
  // stay apart and the rest share the lowest.
  const int lowest = 8 - config.priorities;
  for (int level = lowest; level < 8; ++level) {
    const int minor = level == lowest ? 0 : level;
    // What a class is guaranteed is next to nothing: the link is lent, and lent by priority.
    script += fmt::format(
        "class add dev {0} parent 1:1 classid 1:1{1} htb rate 8kbit ceil {2}bit burst 1600 "
        "cburst {3} quantum {4} overhead {5} prio {6}\n"
        "qdisc add dev {0} parent 1:1{1} handle 1{1}: {7}\n",
        device, minor, config.rate, burst, frame_bytes(config) + kWireOverhead, kWireOverhead,
        7 - level, queue(config));
    if (minor == 0) continue;
    script += fmt::format(
        "filter add dev {0} parent 1: protocol ip prio 1 u32 match u8 {1:#x} 0xe0 at 1 "
        "flowid 1:1{2}\n"
        "filter add dev {0} parent 1: protocol ipv6 prio 2 u32 match u16 {3:#x} 0x0e00 at 0 "
        "flowid 1:1{2}\n",
        device, level << 5, minor, level << 9);
  }
  return script;
}

std::string cpu_mask(int cpu) {
  if (cpu < 0) return "0";
  std::string mask = fmt::format("{:x}", 1U << (cpu % 32));
  for (int group = cpu / 32; group > 0; --group) mask += ",00000000";
  return mask;
}

std::string nic_script(const LabConfig& config) {
  if (config.rate == 0) return {};
  // 10,000 frames: a NIC's queue loses nothing, the sender's own socket limits bound it.
  return fmt::format("qdisc add dev eth0 root tbf rate {}bit burst {} limit {} overhead {}\n",
                     config.rate, burst_bytes(config), 10'000 * frame_bytes(config), kWireOverhead);
}

// `ip netns exec` shows the namespace's own devices in /sys.
std::vector<LabStep> network_cpu_steps(const Lab& lab) {
  const std::string mask = cpu_mask(lab.config().network_cpu);
  const auto step = [&](const std::string& in) {
    return LabStep{{"ip", "netns", "exec", in, "tee"}, mask};
  };
  const auto file_of = [](const std::string& device) {
    return fmt::format("/sys/class/net/{}/queues/rx-0/rps_cpus", device);
  };
  std::vector<LabStep> steps;
  LabStep at_switch = step(lab.switch_namespace());
  for (int host = 1; host <= lab.config().hosts; ++host) {
    at_switch.command.push_back(file_of(fmt::format("p{}", host)));
    steps.push_back(step(lab.host_namespace(host)));
    steps.back().command.push_back(file_of(Lab::kHostDevice));
  }
  steps.push_back(std::move(at_switch));
  return steps;
}

LabPlan plan_lab(const Lab& lab) {
  const LabConfig& config = lab.config();
  LabPlan plan;
  std::string namespaces;
  for (int host = 1; host <= config.hosts; ++host) {
    namespaces += fmt::format("netns add {}\n", lab.host_namespace(host));
  }
  if (!config.direct) namespaces += fmt::format("netns add {}\n", lab.switch_namespace());
  plan.steps.push_back({{"ip", "-batch", "-"}, namespaces});
  const std::string centre = config.direct ? lab.host_namespace(1) : lab.switch_namespace();
  plan.steps.push_back({{"ip", "-n", centre, "-batch", "-"},
                        config.direct ? direct_script(lab) : switch_script(lab)});
  if (config.rate != 0 && !config.direct) {
    std::string ports;
    for (int host = 1; host <= config.hosts; ++host) {
      ports += switch_port_script(config, fmt::format("p{}", host));
    }
    plan.steps.push_back({{"tc", "-n", centre, "-batch", "-"}, ports});
  }
  for (int host = 1; host <= config.hosts; ++host) plan_host(lab, host, plan);
  if (config.network_cpu >= 0) {
    for (LabStep& step : network_cpu_steps(lab)) plan.steps.push_back(std::move(step));
  }
  if (!config.direct) {
    // A bridge must not send its frames through the machine's packet filters.
    for (const char* name : {"iptables", "ip6tables", "arptables"}) {
      plan.settings.push_back(
          {centre, fmt::format("/proc/sys/net/bridge/bridge-nf-call-{}", name), "0"});
    }
  }
  return plan;
}

}  // namespace homa::tools
