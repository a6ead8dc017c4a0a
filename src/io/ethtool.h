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

// Answers one ethtool request, which begins with its command. False: the driver does not know it.
template <typename T>
bool ask_driver(const std::string& interface, T& request) {
  const base::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq question{};
  interface.copy(question.ifr_name, IFNAMSIZ - 1);
  question.ifr_data = reinterpret_cast<char*>(&request);
  return ioctl(socket.get(), SIOCETHTOOL, &question) == 0;
}

}  // namespace homa::io
