#include "io/pcap_writer.h"

#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "base/failure.h"
#include "io/socket_address.h"
#include "io/xdp_frame.h"

namespace homa::io {
namespace {

using base::store_big_endian;

// The file's format: https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/. All numbers are big
// endian; the magic number says so to readers.
constexpr std::size_t kFileHeaderBytes = 24;
constexpr std::size_t kRecordHeaderBytes = 16;
constexpr std::uint32_t kMagicNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kVersion = 0x00020004;  // 2.4
constexpr std::uint32_t kSnapLength = 262'144;
constexpr std::uint32_t kEthernetLink = 1;

std::chrono::nanoseconds now() { return std::chrono::system_clock::now().time_since_epoch(); }

// Ethernet addresses are made of the IP addresses and marked as locally administered.
MacAddress mac_of(const Address& address) {
  MacAddress mac{0x02, 0};
  std::memcpy(mac.data() + 2, address.ip.data() + 12, 4);
  return mac;
}

void append(std::vector<std::byte>& bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

}  // namespace

PcapWriterIo::PcapWriterIo(std::unique_ptr<PacketIo> wrapped, File file)
    : Decorator(std::move(wrapped)), file_(std::move(file)) {}

Result<std::unique_ptr<PacketIo>, Error> PcapWriterIo::create(std::unique_ptr<PacketIo> inner,
                                                              const std::string& path) {
  File file(std::fopen(path.c_str(), "wbe"));
  if (!file) return system_failure("pcap: creating " + path, errno);
  std::array<std::byte, kFileHeaderBytes> header{};
  store_big_endian(header.data(), kMagicNanoseconds);
  store_big_endian(header.data() + 4, kVersion);
  store_big_endian(header.data() + 16, kSnapLength);
  store_big_endian(header.data() + 20, kEthernetLink);
  std::fwrite(header.data(), 1, header.size(), file.get());
  return std::unique_ptr<PacketIo>(new PcapWriterIo(std::move(inner), std::move(file)));
}

void PcapWriterIo::write(const Packet& packet, std::chrono::nanoseconds time) {
  const FrameHeaders headers(capabilities().carrier, mac_of(packet.source),
                             mac_of(packet.destination), packet.source, packet.destination);
  record_.assign(kRecordHeaderBytes + headers.size(), std::byte{0});
  append(record_, packet.header);
  append(record_, packet.payload);
  const auto frame_bytes = static_cast<std::uint32_t>(record_.size() - kRecordHeaderBytes);
  headers.write(record_.data() + kRecordHeaderBytes,
                static_cast<std::uint32_t>(frame_bytes - headers.size()), packet.priority);
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(time);
  store_big_endian(record_.data(), static_cast<std::uint32_t>(whole.count()));
  store_big_endian(record_.data() + 4, static_cast<std::uint32_t>((time - whole).count()));
  store_big_endian(record_.data() + 8, frame_bytes);   // in the file
  store_big_endian(record_.data() + 12, frame_bytes);  // on the wire
  std::fwrite(record_.data(), 1, record_.size(), file_.get());
}

// Our address towards `peer`; unspecified where ours is of the other family.
Address PcapWriterIo::local_of(const Address& peer) const {
  Address local = capabilities().local;
  if (local.is_v4() != peer.is_v4())
    local.ip = peer.is_v4() ? Address::v4(0, 0, 0, 0).ip : IpAddress{};
  return local;
}

std::size_t PcapWriterIo::receive(std::span<RxFrame> frames) {
  const std::size_t count = inner().receive(frames);
  if (count == 0) return 0;
  const auto time = now();
  for (const RxFrame& frame : frames.first(count)) {
    write({frame.source, local_of(frame.source), frame.priority, frame.bytes, {}}, time);
  }
  return count;
}

std::size_t PcapWriterIo::send(std::span<const TxFrame> frames) {
  const auto time = now();
  const std::size_t count = inner().send(frames);
  for (const TxFrame& frame : frames.first(count)) {
    write({local_of(frame.destination), frame.destination, frame.priority, frame.header,
           frame.payload},
          time);
  }
  return count;
}

bool PcapWriterIo::wait(std::chrono::nanoseconds at_most, int wake_fd) {
  std::fflush(file_.get());
  return inner().wait(at_most, wake_fd);
}

}  // namespace homa::io
