#include "io/device.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/descriptor.h"
#include "base/failure.h"
#include "io/socket_address.h"

namespace homa::io {
namespace {

constexpr std::uint32_t kMtuMin = 256;  // leaves room for every control packet

struct LocalAddress {
  std::string interface;
  Address address;
  bool up = false;
  bool loopback = false;
};

Result<std::vector<LocalAddress>, Error> local_addresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return system_failure("listing the network devices", errno);
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  std::vector<LocalAddress> found;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    SocketName name{};
    std::memcpy(&name, entry->ifa_addr,
                family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    found.push_back({entry->ifa_name, to_address(name), (entry->ifa_flags & IFF_UP) != 0,
                     (entry->ifa_flags & IFF_LOOPBACK) != 0});
  }
  return found;
}

std::string list(const std::vector<LocalAddress>& all) {
  std::string text;
  for (const LocalAddress& entry : all) {
    Address plain = entry.address;
    plain.udp_port = kDefaultUdpPort;
    text += (text.empty() ? "" : ", ") + entry.interface + " " + plain.to_string();
  }
  return text.empty() ? "none" : text;
}

std::uint32_t mtu_of(const std::string& interface) {
  const base::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(socket.get(), SIOCGIFMTU, &request) != 0 || request.ifr_mtu <= 0) return 1500;
  return static_cast<std::uint32_t>(request.ifr_mtu);
}

bool in_loopback_net(const Address& address) { return address.is_v4() && address.ip[12] == 127; }

Result<LocalAddress, Error> by_address(const std::vector<LocalAddress>& all,
                                       const IoConfig& config) {
  const auto wanted = Address::parse(config.address);
  if (!wanted) return Unexpected<Error>(wanted.error());
  for (const LocalAddress& entry : all) {
    const bool same = entry.address.ip == wanted->ip &&
                      (wanted->scope == 0 || entry.address.scope == wanted->scope);
    const bool held = same || (entry.loopback && in_loopback_net(*wanted));
    if (!held || (!config.interface.empty() && entry.interface != config.interface)) continue;
    LocalAddress match = entry;
    match.address.ip = wanted->ip;
    return match;
  }
  const std::string why = config.interface.empty()
                              ? "no network device has it"
                              : "device " + config.interface + " does not have it";
  return failure(ErrorCode::kInvalidArgument,
                 "local address " + config.address + ": " + why + "; there are: " + list(all));
}

Result<LocalAddress, Error> by_interface(const std::vector<LocalAddress>& all,
                                         const std::string& interface) {
  for (const bool v4 : {true, false}) {
    for (const LocalAddress& entry : all) {
      if (entry.interface == interface && entry.address.is_v4() == v4) return entry;
    }
  }
  return failure(
      ErrorCode::kInvalidArgument,
      "network device " + interface + " " +
          (if_nametoindex(interface.c_str()) == 0 ? "does not exist" : "has no IP address") +
          "; there are: " + list(all));
}

LocalAddress best_of(const std::vector<LocalAddress>& all) {
  for (const bool loopback : {false, true}) {
    for (const bool v4 : {true, false}) {
      for (const LocalAddress& entry : all) {
        if (entry.up && entry.loopback == loopback && entry.address.is_v4() == v4 &&
            !entry.address.is_link_local()) {
          return entry;
        }
      }
    }
  }
  return {"lo", Address::v4(127, 0, 0, 1), true, true};
}

// A host that listens on every address must send what fits through each of its devices.
std::uint32_t smallest_mtu(const std::vector<LocalAddress>& all, const std::string& best) {
  std::uint32_t mtu = mtu_of(best);
  for (const LocalAddress& entry : all) {
    if (entry.up && !entry.loopback) mtu = std::min(mtu, mtu_of(entry.interface));
  }
  return mtu;
}

}  // namespace

Result<Device, Error> find_device(const IoConfig& config) {
  const auto all = local_addresses();
  if (!all) return Unexpected<Error>(all.error());
  Device device;
  LocalAddress chosen;
  if (!config.address.empty() || !config.interface.empty()) {
    auto found =
        config.address.empty() ? by_interface(*all, config.interface) : by_address(*all, config);
    if (!found) return Unexpected<Error>(found.error());
    chosen = std::move(*found);
  } else {
    chosen = best_of(*all);
    device.any = true;
  }
  device.address = chosen.address;
  device.address.udp_port = config.udp_port;
  device.interface = chosen.interface;
  device.index = if_nametoindex(chosen.interface.c_str());
  device.mtu = config.mtu != 0 ? config.mtu
               : device.any    ? smallest_mtu(*all, chosen.interface)
                               : mtu_of(chosen.interface);
  if (device.mtu < kMtuMin) {
    return failure(ErrorCode::kInvalidArgument,
                   "MTU " + std::to_string(device.mtu) + " of device " + device.interface +
                       " is too small for Homa; at least " + std::to_string(kMtuMin));
  }
  return device;
}

}  // namespace homa::io
