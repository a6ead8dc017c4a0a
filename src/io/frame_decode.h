// From the bytes of a captured frame to the Homa packet in it: link layer, then IP, then whatever
// carries Homa. For tools that read captures and for back ends that see whole IP packets.
//
// Any bytes are taken: each step gives its part or the reason why there is none, reads nothing
// outside its span, and does bounded work. Results point into the bytes they were given.
// Rules: docs/protocol.md#packets and docs/protocol.md#udp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/types.h"
#include "homa/address.h"
#include "homa/result.h"
#include "io/carrier.h"

namespace homa::io {

enum class LinkLayer : std::uint8_t {
  kEthernet,      // with up to two VLAN tags
  kRawIp,         // the frame is the IP packet
  kLinuxCooked,   // what Linux writes for "any" interface: 16 bytes
  kLinuxCooked2,  // its second version: 20 bytes
  kLoopback,      // BSD loopback: 4 bytes
};

enum class FrameError : std::uint8_t {
  kTooShort,       // the frame ends inside a header
  kNotIp,          // another network protocol: ARP and the like
  kBadIpHeader,    // lengths or version that contradict themselves
  kManyExtensions  // more IPv6 extension headers than anyone needs
};
std::string_view to_string(FrameError error);

struct IpPacket {
  Address source;
  Address destination;
  std::uint8_t protocol = 0;  // after any IPv6 extension headers
  std::uint8_t traffic_class = 0;
  std::uint8_t hop_limit = 0;
  bool fragment = false;               // part of a packet that was cut up on its way
  bool cut = false;                    // the capture holds less than the packet had
  std::uint32_t fragment_offset = 0;   // of payload's first byte in the whole packet
  std::span<const std::byte> payload;  // padding of short frames removed

  Priority priority() const { return static_cast<Priority>(traffic_class >> 5); }
};

// A Homa packet where it lies in its IP packet.
struct HomaPart {
  Carrier carrier = Carrier::kIp;
  std::uint16_t source_udp_port = 0;  // 0 unless carried by UDP
  std::uint16_t destination_udp_port = 0;
  std::span<const std::byte> bytes;  // from the Homa header to the packet's end
};

// The IP packet in a frame, with whatever follows it.
Result<std::span<const std::byte>, FrameError> decode_link(LinkLayer link,
                                                           std::span<const std::byte> frame);

// `bytes` starts with an IPv4 or IPv6 header. A length field of zero, as segmentation offload
// leaves in local captures, stands for all bytes.
Result<IpPacket, FrameError> decode_ip(std::span<const std::byte> bytes);

// Homa's part of an IP packet: protocol 146; TCP with Homa's flags and urgent pointer; UDP from or
// to one of `udp_ports`. nullopt: something else, or a later fragment, which has no header to tell
// by.
std::optional<HomaPart> find_homa(const IpPacket& ip, std::span<const std::uint16_t> udp_ports);

// Bytes of each packet (the last may be shorter) where offload left several in one UDP datagram, as
// captures on the sending or receiving host show them; otherwise all of part.bytes.
std::size_t packet_bytes(const HomaPart& part);

}  // namespace homa::io
