// How fast a device really sends: what its root queueing discipline lets through, or else what its
// driver says.
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <span>
#include <string_view>

#include "base/descriptor.h"
#include "io/ethtool.h"
#include "io/open.h"

namespace homa::io {
namespace {

using Bytes = std::span<const std::byte>;

// A netlink message's attributes: type, and what it holds. Lengths are checked against the buffer.
class Attributes {
 public:
  explicit Attributes(Bytes bytes) : bytes_(bytes) {}

  // Empty if there is none of this type.
  Bytes find(std::uint16_t type) const {
    Bytes rest = bytes_;
    while (rest.size() >= sizeof(rtattr)) {
      rtattr header;
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.rta_len < sizeof header || header.rta_len > rest.size()) break;
      if ((header.rta_type & NLA_TYPE_MASK) == type) {
        return rest.subspan(sizeof header, header.rta_len - sizeof header);
      }
      const std::size_t step = (header.rta_len + std::size_t{3}) & ~std::size_t{3};
      rest = rest.subspan(std::min(step, rest.size()));
    }
    return {};
  }
  // Zeros if there is none, or a shorter one.
  template <typename T>
  T value(std::uint16_t type) const {
    T result{};
    const Bytes found = find(type);
    if (!found.empty()) {  // memcpy() takes no null pointer, not even for no bytes
      std::memcpy(&result, found.data(), std::min(found.size(), sizeof result));
    }
    return result;
  }

 private:
  Bytes bytes_;
};

using Visitor = std::function<void(const tcmsg&, const Attributes&)>;

// Visits the messages of one datagram; false after the last of the dump.
bool visit(Bytes bytes, std::uint32_t device, const Visitor& visitor) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) return false;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return false;
    if (header.nlmsg_len >= sizeof header + sizeof(tcmsg)) {
      tcmsg message;
      std::memcpy(&message, bytes.data() + sizeof header, sizeof message);
      const std::size_t start = sizeof header + sizeof message;
      if (message.tcm_ifindex == static_cast<int>(device)) {
        visitor(message, Attributes(bytes.subspan(start, header.nlmsg_len - start)));
      }
    }
    const std::size_t step = (header.nlmsg_len + std::size_t{3}) & ~std::size_t{3};
    bytes = bytes.subspan(std::min(step, bytes.size()));
  }
  return true;
}

// Asks the kernel for all queueing disciplines (RTM_GETQDISC) or classes (RTM_GETTCLASS).
void dump(std::uint16_t what, std::uint32_t device, const Visitor& visitor) {
  const base::Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    tcmsg body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = what;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.tcm_family = AF_UNSPEC;
  request.body.tcm_ifindex = static_cast<int>(device);
  if (::send(socket.get(), &request, sizeof request, 0) < 0) return;
  std::array<std::byte, 32'768> answer;
  while (true) {
    const ssize_t length = recv(socket.get(), answer.data(), answer.size(), 0);
    if (length <= 0) return;
    if (!visit(Bytes(answer).first(static_cast<std::size_t>(length)), device, visitor)) return;
  }
}

// Bytes per second, from the attribute of 32 bits unless the one of 64 is there.
std::uint64_t rate_of(const tc_ratespec& rate, std::uint64_t rate64) {
  return rate64 != 0 ? rate64 : rate.rate;
}

std::uint64_t htb_rate(std::uint32_t device) {
  std::uint64_t fastest = 0;
  dump(RTM_GETTCLASS, device, [&](const tcmsg& message, const Attributes& attributes) {
    if (message.tcm_parent != TC_H_ROOT) return;
    const Attributes options(attributes.find(TCA_OPTIONS));
    fastest = std::max(fastest, rate_of(options.value<tc_htb_opt>(TCA_HTB_PARMS).ceil,
                                        options.value<std::uint64_t>(TCA_HTB_CEIL64)));
  });
  return fastest;
}

// Bytes per second; 0 if the root discipline does not limit it.
std::uint64_t shaped_rate(std::uint32_t device) {
  std::uint64_t rate = 0;
  bool htb = false;
  dump(RTM_GETQDISC, device, [&](const tcmsg& message, const Attributes& attributes) {
    if (message.tcm_parent != TC_H_ROOT) return;
    const Bytes kind = attributes.find(TCA_KIND);
    const std::string_view name(reinterpret_cast<const char*>(kind.data()),
                                kind.empty() ? 0 : kind.size() - 1);
    const Attributes options(attributes.find(TCA_OPTIONS));
    if (name == "tbf") {
      rate = rate_of(options.value<tc_tbf_qopt>(TCA_TBF_PARMS).rate,
                     options.value<std::uint64_t>(TCA_TBF_RATE64));
    }
    htb = htb || name == "htb";
  });
  return htb ? htb_rate(device) : rate;
}

// Virtual devices that name a speed which nothing keeps to.
bool is_nominal(const std::string& interface) {
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (!ask_driver(interface, driver)) return false;
  const std::string_view name(driver.driver, strnlen(driver.driver, sizeof driver.driver));
  return name == "veth" || name == "tun";
}

std::uint64_t device_rate(const std::string& interface) {
  ethtool_cmd command{};
  command.cmd = ETHTOOL_GSET;
  if (is_nominal(interface) || !ask_driver(interface, command)) return 0;
  const std::uint64_t megabits = static_cast<std::uint32_t>(command.speed_hi) << 16 | command.speed;
  const bool unknown = megabits == 0xffff || megabits == 0xffffffff;
  return unknown ? 0 : megabits * 1'000'000;
}

}  // namespace

std::uint64_t link_rate(const std::string& interface) {
  const std::uint32_t device = if_nametoindex(interface.c_str());
  if (device == 0) return 0;
  const std::uint64_t shaped = shaped_rate(device) * 8;
  return shaped != 0 ? shaped : device_rate(interface);
}

}  // namespace homa::io
