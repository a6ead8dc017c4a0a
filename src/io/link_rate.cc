#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "io/descriptor.h"
#include "io/open.h"

namespace homa::io {
namespace {

constexpr std::uint64_t kMega = 1'000'000;

// Answers one ethtool request, which `request` starts with the command of.
template <typename T>
bool ethtool(const std::string& interface, T& request) {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq question{};
  interface.copy(question.ifr_name, IFNAMSIZ - 1);
  question.ifr_data = reinterpret_cast<char*>(&request);
  return ioctl(socket.get(), SIOCETHTOOL, &question) == 0;
}

// These devices name a speed that nothing keeps to.
bool is_nominal(const std::string& interface) {
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (!ethtool(interface, driver)) return false;
  return std::strcmp(driver.driver, "veth") == 0 || std::strcmp(driver.driver, "tun") == 0;
}

std::uint64_t device_speed(const std::string& interface) {
  ethtool_cmd command{};
  command.cmd = ETHTOOL_GSET;
  if (is_nominal(interface) || !ethtool(interface, command)) return 0;
  const std::uint32_t megabits =
      static_cast<std::uint32_t>(command.speed_hi) << 16 | command.speed;
  const bool unknown = megabits == 0xffff || megabits == 0xffffffff;
  return unknown ? 0 : megabits * kMega;
}

}  // namespace

std::uint64_t link_rate(const std::string& interface) { return device_speed(interface); }

}  // namespace homa::io
