#include "hostile/attack.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/bytes.h"
#include "io/checksum.h"

namespace homa::hostile {
namespace {

using base::store_big_endian;
using Clock = std::chrono::steady_clock;

sockaddr_in socket_address(const Address& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.udp_port);
  std::memcpy(&to.sin_addr, address.ip.data() + 12, 4);
  return to;
}

constexpr std::size_t kIpBytes = 20;
constexpr std::size_t kUdpBytes = 8;

void write_ip(std::byte* at, const Address& from, const Address& to, std::uint8_t protocol,
              std::size_t payload_bytes) {
  std::memset(at, 0, kIpBytes);
  at[0] = std::byte{0x45};
  store_big_endian(at + 2, static_cast<std::uint16_t>(kIpBytes + payload_bytes));
  at[8] = std::byte{64};
  at[9] = std::byte{protocol};
  std::memcpy(at + 12, from.ip.data() + 12, 4);
  std::memcpy(at + 16, to.ip.data() + 12, 4);
  const std::uint16_t sum = io::fold(io::sum_words({at, kIpBytes}));
  store_big_endian(at + 10, static_cast<std::uint16_t>(~sum));
}

// Without a checksum, as IPv4 allows.
void write_udp(std::byte* at, const Address& from, const Address& to, std::size_t payload_bytes) {
  store_big_endian(at, from.udp_port);
  store_big_endian(at + 2, to.udp_port);
  store_big_endian(at + 4, static_cast<std::uint16_t>(kUdpBytes + payload_bytes));
  store_big_endian(at + 6, std::uint16_t{0});
}

}  // namespace

wire::CommonHeader header(std::uint64_t id, std::uint16_t from, std::uint16_t to,
                          std::uint64_t identity) {
  wire::CommonHeader common;
  common.source_port = Port{from};
  common.destination_port = Port{to};
  common.identity = Identity{identity};
  common.sender_id = WireId{id};
  return common;
}

Bytes first_data(const wire::CommonHeader& common, std::uint32_t length, std::uint32_t at_most) {
  wire::DataHeader data;
  data.common = common;
  data.common.data_offset = 0xe0;
  data.message_length = length;
  data.incoming = std::min(length, at_most);
  Bytes packet = encoded(data);
  packet.resize(packet.size() + data.incoming, std::byte{0x5a});
  return packet;
}

Bytes small_request(std::uint64_t id, std::uint64_t identity) {
  return first_data(header(id, kForgedClientPort, kServerPort, identity), 1);
}

Forger::Forger(const Namespace& where) {
  where.inside([this] {
    socket_ = base::Descriptor(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  });
  EXPECT_GE(socket_.get(), 0) << std::strerror(errno);
}

void Forger::send_ip(const Address& from, const Address& to, std::uint8_t protocol,
                     std::span<const std::byte> payload) const {
  std::array<std::byte, 2048> packet;
  write_ip(packet.data(), from, to, protocol, payload.size());
  std::memcpy(packet.data() + kIpBytes, payload.data(), payload.size());
  const sockaddr_in destination = socket_address(to);
  // Loses what the device does not take: an attacker does not mind.
  static_cast<void>(::sendto(socket_.get(), packet.data(), kIpBytes + payload.size(), MSG_DONTWAIT,
                             reinterpret_cast<const sockaddr*>(&destination), sizeof destination));
}

void Forger::send(const Address& from, const Address& to, std::span<const std::byte> packet) const {
  std::array<std::byte, 2000> datagram;
  write_udp(datagram.data(), from, to, packet.size());
  std::memcpy(datagram.data() + kUdpBytes, packet.data(), packet.size());
  send_ip(from, to, IPPROTO_UDP, {datagram.data(), kUdpBytes + packet.size()});
}

void Forger::unreachable(const Address& from, const Address& to, const Address& about,
                         std::uint8_t code, std::span<const std::byte> more) const {
  constexpr std::size_t kIcmpBytes = 8;
  std::array<std::byte, 600> message{};
  message[0] = std::byte{3};  // destination unreachable
  message[1] = std::byte{code};
  write_ip(message.data() + kIcmpBytes, to, about, IPPROTO_UDP, kUdpBytes + more.size());
  write_udp(message.data() + kIcmpBytes + kIpBytes, to, about, more.size());
  const std::size_t size = kIcmpBytes + kIpBytes + kUdpBytes + more.size();
  std::copy(more.begin(), more.end(), message.begin() + (kIcmpBytes + kIpBytes + kUdpBytes));
  const std::uint16_t sum = io::fold(io::sum_words({message.data(), size}));
  store_big_endian(message.data() + 2, static_cast<std::uint16_t>(~sum));
  send_ip(from, to, IPPROTO_ICMP, {message.data(), size});
}

UdpSocket::UdpSocket(const Namespace& where, const Address& local) {
  where.inside(
      [this] { socket_ = base::Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
  const sockaddr_in address = socket_address(local);
  EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << std::strerror(errno);
}

void UdpSocket::send(const Address& to, std::span<const std::byte> packet) const {
  const sockaddr_in destination = socket_address(to);
  static_cast<void>(::sendto(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT,
                             reinterpret_cast<const sockaddr*>(&destination), sizeof destination));
}

std::optional<UdpSocket::Received> UdpSocket::receive(int timeout_ms) const {
  pollfd ready{socket_.get(), POLLIN, 0};
  if (::poll(&ready, 1, timeout_ms) <= 0) return std::nullopt;
  sockaddr_in from{};
  socklen_t size = sizeof from;
  Received received{{}, Bytes(65'536)};
  const auto length = ::recvfrom(socket_.get(), received.packet.data(), received.packet.size(),
                                 MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
  if (length < 0) return std::nullopt;
  received.packet.resize(static_cast<std::size_t>(length));
  std::uint8_t ip[4];
  std::memcpy(ip, &from.sin_addr, 4);
  received.from = Address::v4(ip[0], ip[1], ip[2], ip[3], ntohs(from.sin_port));
  return received;
}

std::uint16_t UdpSocket::port() const {
  sockaddr_in local{};
  socklen_t size = sizeof local;
  EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&local), &size), 0);
  return ntohs(local.sin_port);
}

Flood::Flood(double per_second, std::function<void(std::uint64_t)> send, std::uint64_t at_most) {
  thread_ = std::thread([this, per_second, send = std::move(send), at_most] {
    const Clock::time_point start = Clock::now();
    std::uint64_t sent = 0;
    while (!stopped_.load() && sent < at_most) {
      const std::chrono::duration<double> passed = Clock::now() - start;
      const auto due = std::min(at_most, static_cast<std::uint64_t>(passed.count() * per_second));
      for (; sent < due && !stopped_.load(); ++sent) send(sent);
      sent_.store(sent);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    done_.store(true);
  });
}

void Flood::stop() {
  stopped_.store(true);
  if (thread_.joinable()) thread_.join();
}

void Flood::finish(std::chrono::milliseconds at_most) {
  const auto until = Clock::now() + at_most;
  while (!done_.load() && Clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  stop();
}

}  // namespace homa::hostile
