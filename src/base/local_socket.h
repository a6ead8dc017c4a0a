// Sockets with a path in the file system (AF_UNIX), and descriptors that are passed over them.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/descriptor.h"

namespace homa::base {

// nullopt: the path is too long for an address.
inline std::optional<sockaddr_un> local_address(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return std::nullopt;
  path.copy(address.sun_path, path.size());
  return address;
}

// Sends `descriptors` with the message. `room` is kept until it was sent; it is all 0, aligned for
// a cmsghdr, and has CMSG_SPACE() of them.
inline void attach_descriptors(msghdr& message, std::span<char> room,
                               std::span<const int> descriptors) {
  message.msg_control = room.data();
  message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
}

// Calls `take` with every descriptor that came with the message, so that none is left open.
template <typename Take>
void take_descriptors(const msghdr& message, Take&& take) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&message), part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      take(Descriptor(fd));
    }
  }
}

}  // namespace homa::base
