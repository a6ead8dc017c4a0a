#include "channel/control.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/failure.h"
#include "base/local_socket.h"

namespace homa::channel {
namespace {

constexpr std::size_t kAncillaryBytes = CMSG_SPACE(sizeof(int) * kControlDescriptorsMax);

// Takes ownership of every descriptor that came, before anything else can go wrong.
std::vector<base::Descriptor> descriptors_of(const msghdr& message) {
  std::vector<base::Descriptor> taken;
  taken.reserve(kControlDescriptorsMax);
  base::take_descriptors(message, [&](base::Descriptor one) { taken.push_back(std::move(one)); });
  return taken;
}

}  // namespace

Result<base::Descriptor, Error> connect_control(const std::string& path) {
  const auto address = base::local_address(path);
  if (!address) {
    return failure(ErrorCode::kInvalidArgument, "the path of homad's socket is too long: " + path);
  }
  base::Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_failure("cannot create a socket", errno);
  const timeval at_most{kConnectAtMost.count(), 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &at_most, sizeof(at_most));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) ==
      0) {
    return socket;
  }
  switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
    case EACCES: return base::Descriptor();
    default: return system_failure("cannot connect to homad at " + path, errno);
  }
}

Result<void, Error> send_control(int socket, const ControlHead& head, std::string_view text,
                                 std::span<const int> descriptors) {
  text = text.substr(0, kControlTextMax);
  std::array<iovec, 2> parts{{{const_cast<ControlHead*>(&head), sizeof(head)},
                              {const_cast<char*>(text.data()), text.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) std::array<char, kAncillaryBytes> ancillary{};
  if (!descriptors.empty()) base::attach_descriptors(message, ancillary, descriptors);
  if (::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return {};
  switch (errno) {
    case EAGAIN: return failure(ErrorCode::kWouldBlock, "the other side does not read");
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN: return failure(ErrorCode::kClosed, "the other side is gone");
    default: return system_failure("cannot send over a Unix socket", errno);
  }
}

Result<std::optional<ControlMessage>, Error> receive_control(int socket) {
  ControlMessage received;
  std::string text(kControlTextMax, '\0');
  std::array<iovec, 2> parts{{{&received.head, sizeof(received.head)}, {text.data(), text.size()}}};
  alignas(cmsghdr) std::array<char, kAncillaryBytes> ancillary{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  ssize_t bytes = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (bytes < 0 && errno == ECONNRESET) {
    // The other side closed without having read all. What it sent before that is behind the error.
    bytes = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  }
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return std::optional<ControlMessage>();
  if (bytes <= 0) return failure(ErrorCode::kClosed, "the other side is gone");
  received.descriptors = descriptors_of(message);
  const auto length = static_cast<std::size_t>(bytes);
  if (length < sizeof(ControlHead) || received.head.magic != kControlMagic) {
    return failure(ErrorCode::kInvalidArgument, "this is not the protocol of homad");
  }
  if (received.head.version != kControlVersion) {
    return failure(ErrorCode::kInvalidArgument,
                   "the other side speaks version " + std::to_string(received.head.version) +
                       " of homad's protocol, this one version " + std::to_string(kControlVersion) +
                       "; update the older one");
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return failure(ErrorCode::kInvalidArgument, "a message with too much in it");
  }
  text.resize(length - sizeof(ControlHead));
  received.text = std::move(text);
  return std::optional<ControlMessage>(std::move(received));
}

}  // namespace homa::channel
