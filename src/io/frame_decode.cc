#include "io/frame_decode.h"

#include <algorithm>

#include "base/bytes.h"

namespace homa::io {
namespace {

using base::load_big_endian;
using Bytes = std::span<const std::byte>;

constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
constexpr std::uint16_t kEtherTypeVlan = 0x8100;
constexpr std::uint16_t kEtherTypeServiceVlan = 0x88a8;
constexpr std::size_t kIpv4HeaderBytes = 20;
constexpr std::size_t kIpv6HeaderBytes = 40;
constexpr std::size_t kUdpHeaderBytes = 8;
constexpr std::size_t kTcpHeaderBytes = 20;
constexpr std::size_t kHomaHeaderBytes = 28;  // the part that all packets have
constexpr int kExtensionsMax = 8;
constexpr std::uint8_t kHomaTcpFlags = 6;
constexpr std::uint16_t kHomaTcpUrgent = 0xb97d;

Unexpected<FrameError> failure(FrameError error) { return Unexpected<FrameError>(error); }

std::uint8_t byte_at(Bytes bytes, std::size_t at) {
  return std::to_integer<std::uint8_t>(bytes[at]);
}

// The rest of a frame behind a link header of `size` bytes with an ether type at `type_at`.
Result<Bytes, FrameError> behind_ether_type(Bytes frame, std::size_t type_at, std::size_t size) {
  if (frame.size() < size) return failure(FrameError::kTooShort);
  const auto type = load_big_endian<std::uint16_t>(frame.data() + type_at);
  if (type != kEtherTypeIpv4 && type != kEtherTypeIpv6) return failure(FrameError::kNotIp);
  return frame.subspan(size);
}

Result<Bytes, FrameError> behind_ethernet(Bytes frame) {
  std::size_t type_at = 12;
  for (int tags = 0; tags < 2 && frame.size() >= type_at + 2; ++tags) {
    const auto type = load_big_endian<std::uint16_t>(frame.data() + type_at);
    if (type != kEtherTypeVlan && type != kEtherTypeServiceVlan) break;
    type_at += 4;
  }
  return behind_ether_type(frame, type_at, type_at + 2);
}

// Trims to what the length field says; offload's zero means everything.
void set_payload(IpPacket& ip, Bytes rest, std::size_t length) {
  if (length == 0) length = rest.size();
  ip.cut = length > rest.size();
  ip.payload = rest.first(std::min(length, rest.size()));
}

Result<IpPacket, FrameError> decode_ipv4(Bytes bytes) {
  if (bytes.size() < kIpv4HeaderBytes) return failure(FrameError::kTooShort);
  const std::size_t header = std::size_t{byte_at(bytes, 0) & 0x0fU} * 4;
  const std::size_t total = load_big_endian<std::uint16_t>(bytes.data() + 2);
  if (header < kIpv4HeaderBytes || (total != 0 && total < header)) {
    return failure(FrameError::kBadIpHeader);
  }
  if (bytes.size() < header) return failure(FrameError::kTooShort);
  IpPacket ip;
  ip.traffic_class = byte_at(bytes, 1);
  const auto fragment = load_big_endian<std::uint16_t>(bytes.data() + 6);
  ip.fragment = (fragment & 0x3fff) != 0;  // more fragments, or an offset
  ip.fragment_offset = (fragment & 0x1fffU) * 8;
  ip.hop_limit = byte_at(bytes, 8);
  ip.protocol = byte_at(bytes, 9);
  ip.source =
      Address::v4(byte_at(bytes, 12), byte_at(bytes, 13), byte_at(bytes, 14), byte_at(bytes, 15));
  ip.destination =
      Address::v4(byte_at(bytes, 16), byte_at(bytes, 17), byte_at(bytes, 18), byte_at(bytes, 19));
  const Bytes rest = bytes.subspan(header);
  if (total == header) {
    ip.payload = rest.first(0);
  } else {
    set_payload(ip, rest, total == 0 ? 0 : total - header);
  }
  return ip;
}

bool is_extension(std::uint8_t protocol) {
  return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 51 || protocol == 60 ||
         protocol == 135;  // hop-by-hop, routing, fragment, authentication, destination, mobility
}

// Walks over the extension headers at the payload's start.
Result<IpPacket, FrameError> skip_extensions(IpPacket ip) {
  for (int count = 0; is_extension(ip.protocol); ++count) {
    if (count == kExtensionsMax) return failure(FrameError::kManyExtensions);
    if (ip.payload.size() < 8) return failure(FrameError::kTooShort);
    std::size_t length = (std::size_t{byte_at(ip.payload, 1)} + 1) * 8;
    if (ip.protocol == 51) length = (std::size_t{byte_at(ip.payload, 1)} + 2) * 4;
    if (ip.protocol == 44) {
      const auto field = load_big_endian<std::uint16_t>(ip.payload.data() + 2);
      ip.fragment = (field & 0xfff9) != 0;
      ip.fragment_offset = field & 0xfff8U;
      length = 8;
    }
    if (ip.payload.size() < length) return failure(FrameError::kTooShort);
    ip.protocol = byte_at(ip.payload, 0);
    ip.payload = ip.payload.subspan(length);
    if (ip.fragment_offset != 0) break;  // what follows is the middle of something
  }
  return ip;
}

Result<IpPacket, FrameError> decode_ipv6(Bytes bytes) {
  if (bytes.size() < kIpv6HeaderBytes) return failure(FrameError::kTooShort);
  IpPacket ip;
  ip.traffic_class =
      static_cast<std::uint8_t>(load_big_endian<std::uint16_t>(bytes.data()) >> 4 & 0xff);
  ip.protocol = byte_at(bytes, 6);
  ip.hop_limit = byte_at(bytes, 7);
  for (std::size_t i = 0; i < 16; ++i) {
    ip.source.ip[i] = byte_at(bytes, 8 + i);
    ip.destination.ip[i] = byte_at(bytes, 24 + i);
  }
  set_payload(ip, bytes.subspan(kIpv6HeaderBytes),
              load_big_endian<std::uint16_t>(bytes.data() + 4));
  return skip_extensions(ip);
}

}  // namespace

Result<Bytes, FrameError> decode_link(LinkLayer link, Bytes frame) {
  switch (link) {
    case LinkLayer::kEthernet: return behind_ethernet(frame);
    case LinkLayer::kRawIp: return frame;
    case LinkLayer::kLinuxCooked: return behind_ether_type(frame, 14, 16);
    case LinkLayer::kLinuxCooked2: return behind_ether_type(frame, 0, 20);
    case LinkLayer::kLoopback:
      // The family's byte order and IPv6's number differ between systems; the version nibble says
      // the same for all of them.
      if (frame.size() < 4) return failure(FrameError::kTooShort);
      return frame.subspan(4);
  }
  return failure(FrameError::kNotIp);
}

Result<IpPacket, FrameError> decode_ip(Bytes bytes) {
  if (bytes.empty()) return failure(FrameError::kTooShort);
  switch (byte_at(bytes, 0) >> 4) {
    case 4: return decode_ipv4(bytes);
    case 6: return decode_ipv6(bytes);
    default: return failure(FrameError::kNotIp);
  }
}

std::optional<HomaPart> find_homa(const IpPacket& ip, std::span<const std::uint16_t> udp_ports) {
  if (ip.fragment_offset != 0) return std::nullopt;
  HomaPart part;
  part.bytes = ip.payload;
  if (ip.protocol == kHomaProtocol) return part;
  if (ip.protocol == kTcpProtocol && ip.payload.size() >= kTcpHeaderBytes) {
    part.carrier = Carrier::kTcp;
    const auto urgent = load_big_endian<std::uint16_t>(ip.payload.data() + 18);
    if (byte_at(ip.payload, 13) == kHomaTcpFlags && urgent == kHomaTcpUrgent) return part;
  }
  if (ip.protocol == kUdpProtocol && ip.payload.size() >= kUdpHeaderBytes) {
    part.carrier = Carrier::kUdp;
    part.source_udp_port = load_big_endian<std::uint16_t>(ip.payload.data());
    part.destination_udp_port = load_big_endian<std::uint16_t>(ip.payload.data() + 2);
    const std::size_t length = load_big_endian<std::uint16_t>(ip.payload.data() + 4);
    part.bytes = ip.payload.subspan(kUdpHeaderBytes);
    if (length >= kUdpHeaderBytes && length - kUdpHeaderBytes < part.bytes.size()) {
      part.bytes =
          part.bytes.first(length - kUdpHeaderBytes);  // what follows is not the datagram's
    }
    const auto ours = [&](std::uint16_t port) {
      return port == part.source_udp_port || port == part.destination_udp_port;
    };
    if (std::any_of(udp_ports.begin(), udp_ports.end(), ours)) return part;
  }
  return std::nullopt;
}

// The next packet starts where the first one's ports, flags and urgent pointer are repeated.
std::size_t packet_bytes(const HomaPart& part) {
  const Bytes bytes = part.bytes;
  if (part.carrier != Carrier::kUdp) return bytes.size();
  for (std::size_t at = kHomaHeaderBytes; at + kHomaHeaderBytes <= bytes.size(); ++at) {
    if (byte_at(bytes, at + 13) == kHomaTcpFlags &&
        load_big_endian<std::uint16_t>(bytes.data() + at + 18) == kHomaTcpUrgent &&
        std::equal(bytes.begin(), bytes.begin() + 4, bytes.begin() + static_cast<long>(at))) {
      return at;
    }
  }
  return bytes.size();
}

std::string_view to_string(FrameError error) {
  switch (error) {
    case FrameError::kTooShort: return "the frame ends inside a header";
    case FrameError::kNotIp: return "not IP";
    case FrameError::kBadIpHeader: return "contradictory IP header";
    case FrameError::kManyExtensions: return "too many IPv6 extension headers";
  }
  return "?";
}

}  // namespace homa::io
