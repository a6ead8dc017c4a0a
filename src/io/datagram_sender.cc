#include "io/datagram_sender.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "io/system_call.h"

namespace homa::io {
namespace {

constexpr std::size_t kCacheLine = 64;

std::size_t length_of(const TxFrame& frame) { return frame.header.size() + frame.payload.size(); }

template <typename T>
void add_control(msghdr& message, std::byte* control, int level, int type, T value) {
  auto* header = reinterpret_cast<cmsghdr*>(control + message.msg_controllen);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
  message.msg_control = control;
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

// sendmsg() only reads; its type says otherwise.
void set(iovec& to, std::span<const std::byte> bytes) {
  to.iov_base = const_cast<std::byte*>(bytes.data());
  to.iov_len = bytes.size();
}

}  // namespace

DatagramSender::DatagramSender(const Options& options, ErrorQueue& errors, IoStatistics& statistics)
    : options_(options), errors_(errors), statistics_(statistics) {}

bool DatagramSender::reachable(const Address& destination) const {
  if (destination.is_v4()) return options_.family == AF_INET || options_.dual_stack;
  return options_.family == AF_INET6;
}

socklen_t DatagramSender::name(const Address& destination, SocketName& name) const {
  const std::uint16_t port = options_.carrier == Carrier::kUdp ? destination.udp_port : 0;
  return to_socket_name(destination, port, options_.family, options_.scope, name);
}

DatagramSender::Run DatagramSender::next_run(std::span<const TxFrame> frames, bool split) const {
  const TxFrame& first = frames.front();
  const std::size_t length = length_of(first);
  Run run{1, length};
  if (!options_.segmentation || split) return run;
  while (run.frames < std::min(frames.size(), kSegmentsMax)) {
    const TxFrame& next = frames[run.frames];
    const std::size_t next_length = length_of(next);
    if (next_length > length || run.bytes + next_length > kRunBytesMax ||
        next.priority != first.priority || next.path != first.path ||
        next.destination != first.destination) {
      break;
    }
    ++run.frames;
    run.bytes += next_length;
    if (next_length < length) break;  // only the last may be shorter
  }
  return run;
}

// An AF_INET6 socket takes IPv6's form for IPv4 addresses, too.
void DatagramSender::add_path(const TxFrame& frame, Slot& slot, msghdr& message) const {
  const LocalPaths::End* const end =
      options_.paths == nullptr ? nullptr : options_.paths->end(frame.path);
  if (end == nullptr) return;
  if (options_.family == AF_INET) {
    in_pktinfo info{};
    info.ipi_ifindex = static_cast<int>(end->device);
    std::memcpy(&info.ipi_spec_dst, end->local.data() + 12, 4);
    add_control(message, slot.control, SOL_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    info.ipi6_ifindex = end->device;
    std::memcpy(&info.ipi6_addr, end->local.data(), end->local.size());
    add_control(message, slot.control, SOL_IPV6, IPV6_PKTINFO, info);
  }
}

iovec DatagramSender::put_together(std::span<const TxFrame> run) {
  std::byte* const begin = stage_.data() + staged_;
  std::byte* to = begin;
  for (const TxFrame& frame : run) {
    std::memcpy(to, frame.header.data(), frame.header.size());
    to += frame.header.size();
    if (frame.payload.empty()) continue;
    std::memcpy(to, frame.payload.data(), frame.payload.size());
    to += frame.payload.size();
  }
  const auto length = static_cast<std::size_t>(to - begin);
  staged_ += (length + kCacheLine - 1) / kCacheLine * kCacheLine;
  return {begin, length};
}

void DatagramSender::build_message(std::size_t index, std::span<const TxFrame> run) {
  const TxFrame& first = run.front();
  Slot& slot = slots_[index];
  msghdr& message = messages_[index].msg_hdr;
  slot.frames = run.size();
  message.msg_name = &slot.name;
  message.msg_namelen = name(first.destination, slot.name);
  message.msg_iov = &iovecs_[2 * index];
  if (run.size() > 1 || length_of(first) <= kCopyMax) {
    message.msg_iov[0] = put_together(run);
    message.msg_iovlen = 1;
  } else {
    set(message.msg_iov[0], first.header);
    set(message.msg_iov[1], first.payload);
    message.msg_iovlen = first.payload.empty() ? 1 : 2;
  }
  message.msg_control = nullptr;
  message.msg_controllen = 0;
  if (first.priority != kSocketPriority) {
    const bool v4 = first.destination.is_v4();
    add_control(message, slot.control, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TOS : IPV6_TCLASS,
                traffic_class(first.priority));
  }
  if (first.path != kAnyPath) add_path(first, slot, message);
  if (run.size() > 1) {
    add_control(message, slot.control, SOL_UDP, UDP_SEGMENT,
                static_cast<std::uint16_t>(length_of(first)));
  }
}

std::size_t DatagramSender::build(std::span<const TxFrame> frames, bool split) {
  std::size_t messages = 0;
  staged_ = 0;
  while (messages < kBatch && !frames.empty() && reachable(frames.front().destination)) {
    const Run run = next_run(frames, split);
    if (staged_ + run.bytes > kStageBytes) break;
    build_message(messages++, frames.first(run.frames));
    frames = frames.subspan(run.frames);
  }
  return messages;
}

// What a round trip of short messages sends. sendto() is a tenth cheaper than sendmsg() with two
// pieces, and needs no description of the message. False: not sent; the general way knows why.
bool DatagramSender::send_lone(const TxFrame& frame) {
  const std::size_t length = length_of(frame);
  if (frame.priority != kSocketPriority || length > kCopyMax || frame.path != kAnyPath ||
      !reachable(frame.destination)) {
    return false;
  }
  std::array<std::byte, kCopyMax> packet;
  std::memcpy(packet.data(), frame.header.data(), frame.header.size());
  if (!frame.payload.empty()) {
    std::memcpy(packet.data() + frame.header.size(), frame.payload.data(), frame.payload.size());
  }
  const socklen_t name_length = name(frame.destination, lone_name_);
  ++statistics_.send_calls;
  if (send_to(options_.socket, packet.data(), length, MSG_DONTWAIT, &lone_name_.any, name_length) <
      0) {
    // The kernel may have told of an earlier packet instead, and tells only once.
    if (errno != EAGAIN) errors_.drain(options_.socket);
    return false;
  }
  ++statistics_.frames_sent;
  return true;
}

std::size_t DatagramSender::call_kernel(std::size_t messages, int& error) {
  ++statistics_.send_calls;
  if (messages == 1) {
    if (send_message(options_.socket, &messages_[0].msg_hdr, MSG_DONTWAIT) >= 0) return 1;
  } else {
    const int sent =
        sendmmsg(options_.socket, messages_.data(), static_cast<unsigned>(messages), MSG_DONTWAIT);
    if (sent > 0) return static_cast<std::size_t>(sent);
  }
  error = errno;
  return 0;
}

bool DatagramSender::any_queued() const {
  int bytes = 0;
  return ioctl(options_.socket, SIOCOUTQ, &bytes) != 0 || bytes > 0;
}

DatagramSender::Verdict DatagramSender::judge(int error, const TxFrame& frame, std::size_t run,
                                              bool& retried) {
  switch (error) {
    case EINTR: return Verdict::kRetry;
    case ENOBUFS:  // the queueing discipline or the device dropped it
      // None of ours waits there: it is not for want of room (veth refuses what its peer's MTU does
      // not take), and the same packet again would meet the same end for ever.
      if (any_queued()) return Verdict::kFull;
      if (run == 1) drop(frame, error);
      return Verdict::kDrop;
    case EAGAIN:
    case ENOMEM: return Verdict::kFull;
    case EIO:  // a device on the way cannot finish the checksums that segmentation needs
      if (run > 1) {
        options_.segmentation = false;
        return Verdict::kRetry;
      }
      break;
    default: break;
  }
  // The error may be the network's about an earlier packet: the kernel tells it to whoever calls
  // next. Then this frame was not tried at all.
  const bool of_earlier_packet = errors_.drain(options_.socket);
  if (of_earlier_packet && !retried) {
    retried = true;
    return Verdict::kRetry;
  }
  if (run == 1) drop(frame, error);
  return Verdict::kDrop;
}

void DatagramSender::drop(const TxFrame& frame, int error) {
  ++statistics_.send_refused;
  switch (error) {
    case EMSGSIZE: errors_.add(IoError::Kind::kTooBig, frame.destination, frame.header); break;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENODEV:
    case EADDRNOTAVAIL:
      errors_.add(IoError::Kind::kHostUnreachable, frame.destination, frame.header);
      break;
    default: break;
  }
}

std::size_t DatagramSender::send(std::span<const TxFrame> frames) {
  if (frames.size() == 1 && send_lone(frames.front())) return 1;
  std::size_t taken = 0;
  bool split = false;    // a run was refused: find out which of its frames is to blame
  bool retried = false;  // an error of an earlier packet was met since the last success
  while (taken < frames.size()) {
    const auto rest = frames.subspan(taken);
    const std::size_t messages = build(rest, split);
    if (messages == 0) {
      drop(rest.front(), ENETUNREACH);
      ++taken;
      continue;
    }
    int error = 0;
    const std::size_t sent = call_kernel(messages, error);
    std::size_t sent_frames = 0;
    for (std::size_t i = 0; i < sent; ++i) sent_frames += slots_[i].frames;
    taken += sent_frames;
    statistics_.frames_sent += sent_frames;
    if (error == 0) {
      retried = false;
      continue;
    }
    const std::size_t run = slots_[0].frames;
    switch (judge(error, rest.front(), run, retried)) {
      case Verdict::kRetry: break;
      case Verdict::kFull: statistics_.send_refused += frames.size() - taken; return taken;
      case Verdict::kDrop:
        if (run == 1) ++taken;
        split = true;
        retried = false;
        break;
    }
  }
  return taken;
}

}  // namespace homa::io
