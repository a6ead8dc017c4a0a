// Ethernet, IP and UDP headers around Homa packets, for back ends that see whole frames. Pure
// functions on bytes; headers towards one destination are built once and completed per packet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "homa/address.h"
#include "io/carrier.h"

namespace homa::io {

using MacAddress = std::array<std::uint8_t, 6>;

inline constexpr std::size_t kFrameHeadersMax = 14 + 40 + 8;

// The headers of every packet to one destination, but for lengths, priority and checksums.
class FrameHeaders {
 public:
  FrameHeaders() = default;
  // Both addresses of one family.
  FrameHeaders(Carrier carrier, const MacAddress& from, const MacAddress& to, const Address& source,
               const Address& destination);

  std::size_t size() const { return size_; }
  // Writes size() bytes at `frame`, behind which the Homa packet of `homa_bytes` is already: a UDP
  // checksum over IPv6 reads it.
  void write(std::byte* frame, std::uint32_t homa_bytes, std::uint8_t priority) const;

 private:
  std::array<std::byte, 64> bytes_{};  // copied whole: a constant size copies fastest
  std::uint8_t size_ = 0;
  bool is_v4_ = true;
  bool is_udp_ = true;
  std::uint32_t ip_sum_ = 0;   // of the IPv4 header without length and priority
  std::uint32_t udp_sum_ = 0;  // of the IPv6 pseudo-header and UDP ports, without length
};

// The Homa packet within a frame. The kernel's software offloads hand on frames whose UDP checksum
// is not filled in yet, so it is not checked.
struct ParsedFrame {
  Address source;
  Carrier carrier = Carrier::kUdp;
  std::uint8_t priority = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};
// std::nullopt: not a frame as xdp_program.bpf.c selects them, or cut short.
std::optional<ParsedFrame> parse_frame(std::span<const std::byte> frame);

}  // namespace homa::io
