// The first byte chooses the link layer, the rest is the frame: each part that is found lies within
// the one before.
#include <array>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "io/frame_decode.h"

namespace {

using Bytes = std::span<const std::byte>;

void check_within(Bytes part, Bytes whole) {
  HOMA_CHECK(part.size() <= whole.size());
  if (part.empty()) return;
  HOMA_CHECK(part.data() >= whole.data());
  HOMA_CHECK(part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto link = static_cast<homa::io::LinkLayer>(data[0] % 6);  // one more than there are
  const auto frame = std::as_bytes(std::span(data + 1, size - 1));
  const auto ip_bytes = homa::io::decode_link(link, frame);
  if (!ip_bytes) return 0;
  check_within(*ip_bytes, frame);
  const auto ip = homa::io::decode_ip(*ip_bytes);
  if (!ip) return 0;
  check_within(ip->payload, *ip_bytes);
  const auto part = homa::io::find_homa(*ip, std::array{homa::kDefaultUdpPort});
  if (!part) return 0;
  check_within(part->bytes, ip->payload);
  HOMA_CHECK(ip->fragment_offset == 0);
  const std::size_t bytes = homa::io::packet_bytes(*part);
  HOMA_CHECK(bytes <= part->bytes.size() && (bytes > 0 || part->bytes.empty()));
  return 0;
}
