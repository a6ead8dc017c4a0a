// What attackers do: packets of the project's own wire code in IP and UDP headers of the attacker's
// choice, one by one or at a steady rate.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "base/types.h"
#include "hostile/stage.h"
#include "wire/codec.h"

namespace homa::hostile {

using Bytes = std::vector<std::byte>;

// --- Packets ---

wire::CommonHeader header(std::uint64_t id, std::uint16_t from, std::uint16_t to,
                          std::uint64_t identity = 0);
// A control packet of any type.
template <typename Header>
Bytes encoded(const Header& header) {
  wire::HeaderBuffer buffer{};
  const std::size_t size = wire::encode(header, buffer);
  return Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
}
// The first packet of a message of `length` bytes, with as much of it as fits, `at_most` bytes.
// A request to the server unless `common` says otherwise.
Bytes first_data(const wire::CommonHeader& common, std::uint32_t length,
                 std::uint32_t at_most = 1400);
// A request of one byte from an attacker's client port to the server.
Bytes small_request(std::uint64_t id, std::uint64_t identity = 0);

inline constexpr std::uint16_t kForgedClientPort = 40'000;
// Of an engine that the attacker makes up.
inline constexpr std::uint64_t kForgedIdentity = 0x4d4d'4d01'2345'6789;

// --- Ways to send them ---

// Any source address. Opened inside the attacker's namespace; used from anywhere.
class Forger {
 public:
  explicit Forger(const Namespace& where);
  // A Homa packet in UDP in IPv4.
  void send(const Address& from, const Address& to, std::span<const std::byte> packet) const;
  // An ICMP error from `from` to `to` about a UDP packet that `to` sent to `about`: the IPv4 header
  // and the first 8 bytes of it, as routers have to quote, and then `more`.
  void unreachable(const Address& from, const Address& to, const Address& about, std::uint8_t code,
                   std::span<const std::byte> more = {}) const;

 private:
  void send_ip(const Address& from, const Address& to, std::uint8_t protocol,
               std::span<const std::byte> payload) const;
  base::Descriptor socket_;
};

// A UDP socket of an ordinary user.
class UdpSocket {
 public:
  UdpSocket(const Namespace& where, const Address& local);
  void send(const Address& to, std::span<const std::byte> packet) const;
  struct Received {
    Address from;
    Bytes packet;
  };
  // nullopt: none came within `timeout_ms`.
  std::optional<Received> receive(int timeout_ms) const;
  std::uint16_t port() const;
  int descriptor() const { return socket_.get(); }

 private:
  base::Descriptor socket_;
};

// Calls send(n) for n = 0, 1, ... at a steady rate, in a thread of its own, until it goes out of
// scope or has called it `at_most` times.
class Flood {
 public:
  Flood(double per_second, std::function<void(std::uint64_t)> send,
        std::uint64_t at_most = ~std::uint64_t{0});
  ~Flood() { stop(); }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  void stop();
  // Until it has sent `at_most`, or the time is up: a busy machine does not send them all. Stops
  // it.
  void finish(std::chrono::milliseconds at_most);
  std::uint64_t sent() const { return sent_.load(); }

 private:
  std::atomic<bool> stopped_{false}, done_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::thread thread_;
};

}  // namespace homa::hostile
