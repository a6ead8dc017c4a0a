// Questions to a network device's driver.
#pragma once

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <string>

#include "base/descriptor.h"

namespace homa::io {

// Any socket can carry questions about the devices of the network namespace that it was made in.
inline base::Descriptor control_socket() {
  return base::Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

// Answers one ethtool request, which begins with its command. False: the driver does not know it.
template <typename T>
bool ask_driver(const base::Descriptor& control, const std::string& interface, T& request) {
  ifreq question{};
  interface.copy(question.ifr_name, IFNAMSIZ - 1);
  question.ifr_data = reinterpret_cast<char*>(&request);
  return ioctl(control.get(), SIOCETHTOOL, &question) == 0;
}

}  // namespace homa::io
