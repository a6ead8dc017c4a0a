#include "io/xdp_frame.h"

#include <cstring>

#include "base/bytes.h"
#include "io/checksum.h"

namespace homa::io {
namespace {

using base::load_big_endian;
using base::store_big_endian;

constexpr std::size_t kEthernet = 14;
constexpr std::uint16_t kTypeV4 = 0x0800;
constexpr std::uint16_t kTypeV6 = 0x86dd;
constexpr std::uint8_t kHopLimit = 64;

}  // namespace

FrameHeaders::FrameHeaders(Carrier carrier, const MacAddress& from, const MacAddress& to,
                           const Address& source, const Address& destination)
    : is_v4_(source.is_v4()), is_udp_(carrier == Carrier::kUdp) {
  std::byte* at = bytes_.data();
  std::memcpy(at, to.data(), to.size());
  std::memcpy(at + 6, from.data(), from.size());
  store_big_endian<std::uint16_t>(at + 12, is_v4_ ? kTypeV4 : kTypeV6);
  std::byte* ip = at + kEthernet;
  const std::uint8_t protocol = is_udp_ ? kUdpProtocol : kHomaProtocol;
  if (is_v4_) {
    store_big_endian<std::uint16_t>(ip, 0x4500);
    store_big_endian<std::uint16_t>(ip + 6, 0x4000);  // don't fragment
    ip[8] = std::byte{kHopLimit};
    ip[9] = static_cast<std::byte>(protocol);
    std::memcpy(ip + 12, source.ip.data() + 12, 4);
    std::memcpy(ip + 16, destination.ip.data() + 12, 4);
    ip_sum_ = static_cast<std::uint32_t>(sum_words({ip, 20}) % 0xffff);
  } else {
    ip[0] = std::byte{0x60};
    ip[6] = static_cast<std::byte>(protocol);
    ip[7] = std::byte{kHopLimit};
    std::memcpy(ip + 8, source.ip.data(), 16);
    std::memcpy(ip + 24, destination.ip.data(), 16);
  }
  size_ = static_cast<std::uint8_t>(kEthernet + network_header_bytes(is_v4_, carrier));
  if (is_udp_) {
    std::byte* udp = at + size_ - 8;
    store_big_endian(udp, source.udp_port);
    store_big_endian(udp + 2, destination.udp_port);
    if (!is_v4_) {
      udp_sum_ = fold(sum_words({ip + 8, 32}) + sum_words({udp, 4}) + kUdpProtocol);
    }
  }
}

void FrameHeaders::write(std::byte* frame, std::uint32_t homa_bytes, std::uint8_t priority) const {
  std::memcpy(frame, bytes_.data(), kEthernet + 20);
  if (size_ > kEthernet + 20) {
    std::memcpy(frame + kEthernet + 20, bytes_.data() + kEthernet + 20, size_ - kEthernet - 20U);
  }
  std::byte* ip = frame + kEthernet;
  const std::uint32_t traffic_class = static_cast<std::uint32_t>(priority) << 5;
  const std::uint32_t transport_bytes = homa_bytes + (is_udp_ ? 8 : 0);
  if (is_v4_) {
    const std::uint32_t total = transport_bytes + 20;
    ip[1] = static_cast<std::byte>(traffic_class);
    store_big_endian(ip + 2, static_cast<std::uint16_t>(total));
    const auto sum = fold(std::uint64_t{ip_sum_} + traffic_class + total);
    store_big_endian(ip + 10, static_cast<std::uint16_t>(~sum));
  } else {
    store_big_endian(ip, static_cast<std::uint16_t>(0x6000 | (traffic_class << 4)));
    store_big_endian(ip + 4, static_cast<std::uint16_t>(transport_bytes));
  }
  if (!is_udp_) return;
  std::byte* udp = frame + size_ - 8;
  store_big_endian(udp + 4, static_cast<std::uint16_t>(transport_bytes));
  if (is_v4_) return;  // zero: none, as IPv4 allows (RFC 768)
  // The length counts twice: in the pseudo-header and in the UDP header.
  const auto sum = fold(udp_sum_ + 2ULL * transport_bytes + sum_words({frame + size_, homa_bytes}));
  const auto checksum = static_cast<std::uint16_t>(~sum);
  store_big_endian(udp + 6, checksum == 0 ? std::uint16_t{0xffff} : checksum);
}

namespace {

struct Transport {
  std::uint8_t protocol = 0;
  std::size_t offset = 0;
  std::size_t end = 0;
};

bool parse_network(std::span<const std::byte> frame, ParsedFrame& parsed, Transport& transport) {
  if (frame.size() < kEthernet + 20) return false;
  const std::byte* ip = frame.data() + kEthernet;
  const auto type = load_big_endian<std::uint16_t>(frame.data() + 12);
  if (type == kTypeV4) {
    if (ip[0] != std::byte{0x45}) return false;
    parsed.priority = std::to_integer<std::uint8_t>(ip[1]) >> 5;
    transport.protocol = std::to_integer<std::uint8_t>(ip[9]);
    transport.offset = kEthernet + 20;
    transport.end = kEthernet + load_big_endian<std::uint16_t>(ip + 2);
    parsed.source.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::memcpy(parsed.source.ip.data() + 12, ip + 12, 4);
  } else if (type == kTypeV6) {
    if (frame.size() < kEthernet + 40) return false;
    parsed.priority = std::to_integer<std::uint8_t>(ip[0]) << 4 >> 5 & 7;
    transport.protocol = std::to_integer<std::uint8_t>(ip[6]);
    transport.offset = kEthernet + 40;
    transport.end = transport.offset + load_big_endian<std::uint16_t>(ip + 4);
    std::memcpy(parsed.source.ip.data(), ip + 8, 16);
  } else {
    return false;
  }
  return transport.end >= transport.offset && transport.end <= frame.size();
}

}  // namespace

std::optional<ParsedFrame> parse_frame(std::span<const std::byte> frame) {
  ParsedFrame parsed;
  Transport transport;
  if (!parse_network(frame, parsed, transport)) return std::nullopt;
  parsed.source.udp_port = kDefaultUdpPort;
  if (transport.protocol == kHomaProtocol) {
    parsed.carrier = Carrier::kIp;
  } else if (transport.protocol == kUdpProtocol && transport.end - transport.offset >= 8) {
    const std::byte* udp = frame.data() + transport.offset;
    const std::size_t length = load_big_endian<std::uint16_t>(udp + 4);
    if (length < 8 || length > transport.end - transport.offset) return std::nullopt;
    parsed.source.udp_port = load_big_endian<std::uint16_t>(udp);
    transport.end = transport.offset + length;
    transport.offset += 8;
  } else {
    return std::nullopt;
  }
  parsed.offset = static_cast<std::uint32_t>(transport.offset);
  parsed.length = static_cast<std::uint32_t>(transport.end - transport.offset);
  return parsed;
}

}  // namespace homa::io
