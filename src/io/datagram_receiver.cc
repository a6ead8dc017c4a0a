#include "io/datagram_receiver.h"

#include <errno.h>
#include <netinet/udp.h>

#include <algorithm>

#include "io/socket_setup.h"
#include "io/system_call.h"

namespace homa::io {

DatagramReceiver::DatagramReceiver(const Options& options, ReceiveBuffers buffers,
                                   IoStatistics& statistics)
    : options_(options), statistics_(statistics), buffers_(std::move(buffers)) {
  for (std::size_t i = 0; i < kBatch; ++i) {
    msghdr& message = messages_[i].msg_hdr;
    message.msg_name = &slots_[i].name;
    message.msg_iov = &slots_[i].bytes;
    message.msg_iovlen = 1;
    message.msg_control = slots_[i].control;
    rearm(i);
  }
}

void DatagramReceiver::rearm(std::size_t slot) {
  messages_[slot].msg_hdr.msg_namelen = sizeof(SocketName);
  messages_[slot].msg_hdr.msg_controllen = kControlBytes;
}

std::size_t DatagramReceiver::post(std::size_t wanted) {
  for (std::size_t i = 0; i < used_slots_; ++i) {
    Slot& slot = slots_[i];
    if (slot.posted) continue;
    if (buffers_.empty()) return std::min(i, wanted);
    slot.buffer = buffers_.take();
    slot.bytes = {buffers_.at(slot.buffer), ReceiveBuffers::kBufferBytes};
    slot.posted = true;
  }
  used_slots_ = 0;
  return wanted;
}

ssize_t DatagramReceiver::receive_one() {
  msghdr& message = messages_[0].msg_hdr;
  if (tells_control()) return receive_message(options_.socket, &message, MSG_DONTWAIT);
  message.msg_controllen = 0;
  return receive_from(options_.socket, slots_[0].bytes, MSG_DONTWAIT, &slots_[0].name.any,
                      &message.msg_namelen);
}

std::size_t DatagramReceiver::call_kernel(std::size_t slots, int& error) {
  ++statistics_.receive_calls;
  if (slots == 1) {
    const ssize_t length = receive_one();
    if (length >= 0) {
      messages_[0].msg_len = static_cast<unsigned>(length);
      return 1;
    }
    rearm(0);
  } else {
    const int count = recvmmsg(options_.socket, messages_.data(), static_cast<unsigned>(slots),
                               MSG_DONTWAIT, nullptr);
    if (count >= 0) return static_cast<std::size_t>(count);
  }
  if (errno != EAGAIN && errno != EINTR) error = errno;
  return 0;
}

void DatagramReceiver::join(bool on) {
  set_option(options_.socket, SOL_UDP, UDP_GRO, on ? 1 : 0);
  joining_ = on ? Joining::kOn : Joining::kEnding;
  lonely_ = 0;
  empty_visits_ = 0;
}

void DatagramReceiver::adapt(std::size_t count) {
  if (joining_ != Joining::kOn) {
    if (options_.can_join && count >= kLoad) return join(true);
    if (count == 0 && ++empty_visits_ >= kEmptyVisits) joining_ = Joining::kOff;
    return;
  }
  const bool alone =
      filled_ == 1 && datagrams_[0].position + datagrams_[0].segment == datagrams_[0].end;
  if (count > 0) lonely_ = alone ? lonely_ + 1 : 0;
  if (lonely_ >= kLonely) join(false);
}

DatagramReceiver::Control DatagramReceiver::read_control(msghdr& message) {
  Control control;
  const auto load = [](const cmsghdr* c, auto& value) {
    if (c->cmsg_len >= CMSG_LEN(sizeof value)) std::memcpy(&value, CMSG_DATA(c), sizeof value);
  };
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
      int size = 0;
      load(c, size);
      if (size > 0) control.segment = static_cast<std::uint32_t>(size);
    } else if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      load(c, info);
      std::memcpy(control.local.data(), &info.ipi6_addr, control.local.size());
      control.device = info.ipi6_ifindex;
    } else if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      load(c, info);
      control.local = to_ip(std::as_bytes(std::span(&info.ipi_addr, 1)));
      control.device = static_cast<std::uint32_t>(info.ipi_ifindex);
    } else if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_TOS) {
      load(c, control.traffic_class);
    } else if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_TCLASS) {
      int traffic_class = 0;
      load(c, traffic_class);
      control.traffic_class = static_cast<std::uint8_t>(traffic_class);
    }
  }
  return control;
}

void DatagramReceiver::accept(std::size_t index) {
  Slot& slot = slots_[index];
  msghdr& message = messages_[index].msg_hdr;
  Datagram datagram;
  datagram.buffer = slot.buffer;
  datagram.end = messages_[index].msg_len;
  Control control;
  if (message.msg_controllen > 0) control = read_control(message);
  if (options_.ip_header && datagram.end >= 2) {
    const std::byte* const ip = buffers_.at(slot.buffer);
    datagram.position = (std::to_integer<std::uint32_t>(ip[0]) & 15U) * 4;
    control.traffic_class = std::to_integer<std::uint8_t>(ip[1]);
  }
  const bool usable = datagram.position < datagram.end && (message.msg_flags & MSG_TRUNC) == 0 &&
                      message.msg_namelen > 0;
  rearm(index);
  if (!usable) {
    ++statistics_.receive_dropped;
    return;
  }
  const std::uint32_t length = datagram.end - datagram.position;
  datagram.segment = control.segment == 0 ? length : std::min(control.segment, length);
  datagram.priority = control.traffic_class >> 5;
  datagram.source = to_address(slot.name);
  if (options_.paths != nullptr && control.device != 0) {
    datagram.path = options_.paths->find(datagram.source, control.local, control.device);
  }
  if (options_.fixed_port != 0) datagram.source.udp_port = options_.fixed_port;
  buffers_.set_frames(slot.buffer, (length + datagram.segment - 1) / datagram.segment);
  slot.posted = false;
  datagrams_[filled_++] = datagram;
}

void DatagramReceiver::fill(std::size_t frames_wanted, int& error) {
  const std::size_t wanted =
      std::clamp(frames_wanted / frames_per_datagram_, std::size_t{1}, slot_limit_);
  const std::size_t slots = post(wanted);
  next_ = 0;
  filled_ = 0;
  if (slots == 0) return;
  const std::size_t count = call_kernel(slots, error);
  used_slots_ = std::max(used_slots_, count);
  if (count == slot_limit_) {
    slot_limit_ = std::min(slot_limit_ * 4, kBatch);
  } else if (count == 0) {
    slot_limit_ = 1;
  }
  for (std::size_t i = 0; i < count; ++i) accept(i);
  adapt(count);
}

// A visit in quiet times, which is what a spinning engine does all day: the same with less ado.
std::size_t DatagramReceiver::receive_lone(RxFrame& frame, int& error) {
  if (post(1) == 0) return 0;
  Slot& slot = slots_[0];
  socklen_t& name_length = messages_[0].msg_hdr.msg_namelen;
  ++statistics_.receive_calls;
  const ssize_t length =
      receive_from(options_.socket, slot.bytes, MSG_DONTWAIT, &slot.name.any, &name_length);
  if (length < 0) {
    if (errno != EAGAIN && errno != EINTR) error = errno;
    return 0;
  }
  const bool usable = length > 0 && name_length > 0;
  name_length = sizeof(SocketName);
  slot_limit_ = 4;  // where one came, there may be more
  frames_per_datagram_ = 1;
  if (!usable) {
    ++statistics_.receive_dropped;
    return 0;
  }
  used_slots_ = 1;
  slot.posted = false;
  buffers_.set_frames(slot.buffer, 1);
  frame = {to_address(slot.name),
           {buffers_.at(slot.buffer), static_cast<std::size_t>(length)},
           slot.buffer,
           kAnyPath,
           0};
  if (options_.fixed_port != 0) frame.source.udp_port = options_.fixed_port;
  ++statistics_.frames_received;
  return 1;
}

std::size_t DatagramReceiver::receive(std::span<RxFrame> frames, int& error) {
  if (frames.empty()) return 0;
  if (quiet() && !options_.ip_header) return receive_lone(frames.front(), error);
  if (!pending()) fill(frames.size(), error);
  const std::size_t first = next_;
  std::size_t count = 0;
  while (pending() && count < frames.size()) {
    Datagram& datagram = datagrams_[next_];
    const std::uint32_t length = std::min(datagram.segment, datagram.end - datagram.position);
    frames[count++] = {datagram.source,
                       {buffers_.at(datagram.buffer) + datagram.position, length},
                       datagram.buffer,
                       datagram.path,
                       datagram.priority};
    datagram.position += length;
    if (datagram.position == datagram.end) ++next_;
  }
  if (count > 0) frames_per_datagram_ = count / std::max<std::size_t>(next_ - first, 1);
  statistics_.frames_received += count;
  return count;
}

void DatagramReceiver::release(std::span<const RxFrame> frames) {
  for (const RxFrame& frame : frames) buffers_.release_frame(frame.token);
}

}  // namespace homa::io
