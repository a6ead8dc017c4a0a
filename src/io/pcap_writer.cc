#include "io/pcap_writer.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

#include "base/bytes.h"
#include "base/failure.h"
#include "io/frame_decode.h"

namespace homa::io {
namespace {

using Bytes = std::vector<std::byte>;

template <typename T>
void put(Bytes& bytes, T value) {
  bytes.resize(bytes.size() + sizeof value);
  base::store_big_endian(bytes.data() + bytes.size() - sizeof value, value);
}

void put(Bytes& bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

std::span<const std::byte> ip_bytes(const Address& address, bool v4) {
  const auto all = std::as_bytes(std::span(address.ip));
  return v4 ? all.last(4) : all;
}

// The Internet checksum's sum, not yet folded or inverted.
std::uint64_t sum(std::span<const std::byte> bytes) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    total += base::load_big_endian<std::uint16_t>(bytes.data() + i);
  }
  if (bytes.size() % 2 != 0) total += std::to_integer<std::uint64_t>(bytes.back()) << 8;
  return total;
}

std::uint16_t checksum(std::uint64_t total) {
  while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(~total);
}

std::chrono::nanoseconds now() { return std::chrono::system_clock::now().time_since_epoch(); }

constexpr std::uint32_t kMagicNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kSnapLength = 262'144;
constexpr std::uint32_t kEthernetLink = 1;
constexpr std::size_t kUdpHeader = 8;
constexpr std::uint8_t kHopLimit = 64;

}  // namespace

PcapWriterIo::PcapWriterIo(std::unique_ptr<PacketIo> wrapped, File file)
    : Decorator(std::move(wrapped)), file_(std::move(file)), udp_(capabilities().name != "raw") {}

Result<std::unique_ptr<PacketIo>, Error> PcapWriterIo::create(std::unique_ptr<PacketIo> inner,
                                                              const std::string& path) {
  File file(std::fopen(path.c_str(), "wbe"));
  if (!file) return system_failure("pcap: creating " + path, errno);
  Bytes header;
  put(header, kMagicNanoseconds);
  put(header, std::uint16_t{2});  // version 2.4
  put(header, std::uint16_t{4});
  put(header, std::uint64_t{0});  // time zone and accuracy, unused
  put(header, kSnapLength);
  put(header, kEthernetLink);
  std::fwrite(header.data(), 1, header.size(), file.get());
  return std::unique_ptr<PacketIo>(new PcapWriterIo(std::move(inner), std::move(file)));
}

void PcapWriterIo::put_record_header(std::size_t length, std::chrono::nanoseconds time) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(time);
  put(record_, static_cast<std::uint32_t>(whole.count()));
  put(record_, static_cast<std::uint32_t>((time - whole).count()));
  put(record_, static_cast<std::uint32_t>(length));
  put(record_, static_cast<std::uint32_t>(length));
}

void PcapWriterIo::put_ip(const Packet& packet, std::size_t ip_payload) {
  const bool v4 = packet.source.is_v4() && packet.destination.is_v4();
  const std::uint8_t protocol = udp_ ? kUdpProtocol : kHomaProtocol;
  const auto traffic_class = static_cast<std::uint8_t>(packet.priority << 5);
  const std::size_t start = record_.size();
  if (v4) {
    put(record_, std::uint8_t{0x45});
    put(record_, traffic_class);
    put(record_, static_cast<std::uint16_t>(20 + ip_payload));
    put(record_, std::uint32_t{0x4000});  // no id; don't fragment
    put(record_, kHopLimit);
    put(record_, protocol);
    put(record_, std::uint16_t{0});
  } else {
    put(record_, 0x60000000U | static_cast<std::uint32_t>(traffic_class) << 20);
    put(record_, static_cast<std::uint16_t>(ip_payload));
    put(record_, protocol);
    put(record_, kHopLimit);
  }
  put(record_, ip_bytes(packet.source, v4));
  put(record_, ip_bytes(packet.destination, v4));
  if (v4) {
    const std::uint16_t check = checksum(sum(std::span(record_).subspan(start)));
    base::store_big_endian(record_.data() + start + 10, check);
  }
}

void PcapWriterIo::put_udp(const Packet& packet) {
  const bool v4 = packet.source.is_v4() && packet.destination.is_v4();
  const std::size_t length = kUdpHeader + packet.header.size() + packet.payload.size();
  const std::size_t start = record_.size();
  put(record_, packet.source.udp_port);
  put(record_, packet.destination.udp_port);
  put(record_, static_cast<std::uint16_t>(length));
  put(record_, std::uint16_t{0});
  put(record_, packet.header);
  put(record_, packet.payload);
  const std::uint16_t check =
      checksum(sum(std::span(record_).subspan(start)) + length + kUdpProtocol +
               sum(ip_bytes(packet.source, v4)) + sum(ip_bytes(packet.destination, v4)));
  base::store_big_endian(record_.data() + start + 6, check == 0 ? std::uint16_t{0xffff} : check);
}

void PcapWriterIo::write(const Packet& packet, std::chrono::nanoseconds time) {
  const bool v4 = packet.source.is_v4() && packet.destination.is_v4();
  const std::size_t ip_payload =
      (udp_ ? kUdpHeader : 0) + packet.header.size() + packet.payload.size();
  record_.clear();
  put_record_header(14 + (v4 ? 20 : 40) + ip_payload, time);
  // Ethernet addresses made of the IP addresses, marked as locally administered.
  for (const Address* address : {&packet.destination, &packet.source}) {
    put(record_, std::uint16_t{0x0200});
    put(record_, ip_bytes(*address, true));
  }
  put(record_, std::uint16_t{v4 ? std::uint16_t{0x0800} : std::uint16_t{0x86dd}});
  put_ip(packet, ip_payload);
  if (udp_) {
    put_udp(packet);
  } else {
    put(record_, packet.header);
    put(record_, packet.payload);
  }
  std::fwrite(record_.data(), 1, record_.size(), file_.get());
}

std::size_t PcapWriterIo::receive(std::span<RxFrame> frames) {
  const std::size_t count = inner().receive(frames);
  if (count == 0) return 0;
  const auto time = now();
  for (const RxFrame& frame : frames.first(count)) {
    write({frame.source, capabilities().local, 0, frame.bytes, {}}, time);
  }
  return count;
}

std::size_t PcapWriterIo::send(std::span<const TxFrame> frames) {
  const auto time = now();
  const std::size_t count = inner().send(frames);
  for (const TxFrame& frame : frames.first(count)) {
    write({capabilities().local, frame.destination, frame.priority, frame.header, frame.payload},
          time);
  }
  return count;
}

bool PcapWriterIo::wait(std::chrono::nanoseconds at_most, int wake_fd) {
  std::fflush(file_.get());
  return inner().wait(at_most, wake_fd);
}

}  // namespace homa::io
