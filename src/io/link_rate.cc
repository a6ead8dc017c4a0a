#include "io/link_rate.h"

#include <linux/pkt_sched.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "io/ethtool.h"
#include "io/open.h"

namespace homa::io {
namespace {

using Visitor = std::function<void(const NetlinkAttributes&)>;

// Visits the device's queueing disciplines (RTM_GETQDISC) or classes (RTM_GETTCLASS) at the root.
void visit_roots(NetlinkSocket& netlink, std::uint16_t what, std::uint32_t device,
                 const Visitor& visitor) {
  tcmsg body{};
  body.tcm_family = AF_UNSPEC;
  body.tcm_ifindex = static_cast<int>(device);
  NetlinkRequest request(what, NLM_F_DUMP, body);
  netlink.ask(request, [&](const nlmsghdr& message) {
    const auto* found = netlink_body<tcmsg>(message);
    if (found == nullptr || found->tcm_ifindex != static_cast<int>(device)) return;
    if (found->tcm_parent == TC_H_ROOT) visitor(NetlinkAttributes(message, sizeof *found));
  });
}

// Bytes per second, from the attribute of 32 bits unless the one of 64 is there.
std::uint64_t rate_of(const tc_ratespec& rate, std::uint64_t rate64) {
  return rate64 != 0 ? rate64 : rate.rate;
}

std::uint64_t htb_rate(NetlinkSocket& netlink, std::uint32_t device) {
  std::uint64_t fastest = 0;
  visit_roots(netlink, RTM_GETTCLASS, device, [&](const NetlinkAttributes& attributes) {
    const NetlinkAttributes options(attributes.bytes(TCA_OPTIONS));
    fastest = std::max(fastest, rate_of(options.value<tc_htb_opt>(TCA_HTB_PARMS).ceil,
                                        options.value<std::uint64_t>(TCA_HTB_CEIL64)));
  });
  return fastest;
}

// Bytes per second; 0 if the root discipline does not limit it.
std::uint64_t shaped_rate(NetlinkSocket& netlink, std::uint32_t device) {
  std::uint64_t rate = 0;
  bool htb = false;
  visit_roots(netlink, RTM_GETQDISC, device, [&](const NetlinkAttributes& attributes) {
    const std::string_view kind = attributes.text(TCA_KIND);
    const NetlinkAttributes options(attributes.bytes(TCA_OPTIONS));
    if (kind == "tbf") {
      rate = rate_of(options.value<tc_tbf_qopt>(TCA_TBF_PARMS).rate,
                     options.value<std::uint64_t>(TCA_TBF_RATE64));
    }
    htb = htb || kind == "htb";
  });
  return htb ? htb_rate(netlink, device) : rate;
}

// Virtual devices that name a speed which nothing keeps to.
bool is_nominal(const base::Descriptor& control, const std::string& interface) {
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (!ask_driver(control, interface, driver)) return false;
  const std::string_view name(driver.driver, strnlen(driver.driver, sizeof driver.driver));
  return name == "veth" || name == "tun";
}

std::uint64_t device_rate(const base::Descriptor& control, const std::string& interface) {
  ethtool_cmd command{};
  command.cmd = ETHTOOL_GSET;
  if (is_nominal(control, interface) || !ask_driver(control, interface, command)) return 0;
  const std::uint64_t megabits = static_cast<std::uint32_t>(command.speed_hi) << 16 | command.speed;
  const bool unknown = megabits == 0xffff || megabits == 0xffffffff;
  return unknown ? 0 : megabits * 1'000'000;
}

}  // namespace

std::uint64_t link_rate(NetlinkSocket& netlink, const base::Descriptor& control,
                        std::uint32_t device, const std::string& interface) {
  const std::uint64_t shaped = shaped_rate(netlink, device) * 8;
  return shaped != 0 ? shaped : device_rate(control, interface);
}

std::uint64_t link_rate(const std::string& interface) {
  const std::uint32_t device = if_nametoindex(interface.c_str());
  auto netlink = NetlinkSocket::open();
  if (device == 0 || !netlink) return 0;
  return link_rate(*netlink, control_socket(), device, interface);
}

}  // namespace homa::io
