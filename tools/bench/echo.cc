// The least that a message can cost: a bare datagram, or bytes on a TCP connection, sent to and
// fro, with both sides spinning on the socket or blocking in it. What Homa is measured against.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "base/failure.h"
#include "tools/bench/transport.h"

namespace homa::tools {
namespace {

constexpr std::size_t kBytesMax = 60'000;
constexpr int kTriesPerClock = 16;  // reading the clock must not show

// Host 0 asks, host 1 echoes, one message at a time. TCP messages begin with their length.
class EchoTransport final : public BenchTransport {
 public:
  EchoTransport(const BenchSetup& setup, std::size_t self, bool tcp)
      : setup_(setup), self_(self), tcp_(tcp), buffer_(kBytesMax + sizeof(std::uint32_t)) {}
  ~EchoTransport() override {
    if (fd_ >= 0) ::close(fd_);
    if (listener_ >= 0) ::close(listener_);
  }

  Result<void, Error> open();
  Result<void, Error> connect() override;
  void start(std::size_t peer, std::uint64_t rpc, std::uint32_t request_bytes,
             std::uint32_t response_bytes) override;
  void serve_until(Nanoseconds until, Listener& listener) override;
  std::uint64_t retransmissions() const override { return 0; }
  std::string description() const override {
    return fmt::format("bare {} echo, {}", tcp_ ? "TCP" : "UDP",
                       setup_.spin ? "spinning" : "blocking");
  }

 private:
  sockaddr_in address_of(std::size_t host) const;
  void set_up(int fd) const;
  // The length of the message that has arrived in buffer_; 0: none yet.
  std::size_t receive();
  void send(std::size_t bytes);

  const BenchSetup& setup_;
  std::size_t self_;
  bool tcp_;
  int listener_ = -1;
  int fd_ = -1;
  std::vector<char> buffer_;
  std::size_t received_ = 0;
  std::uint64_t rpc_ = 0;
};

sockaddr_in EchoTransport::address_of(std::size_t host) const {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(setup_.tcp_port);
  ::inet_pton(AF_INET, setup_.hosts[host].address.c_str(), &address.sin_addr);
  return address;
}

void EchoTransport::set_up(int fd) const {
  const int on = 1;
  if (tcp_) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval limit{0, 20'000};  // so that a blocked server sees the end
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

Result<void, Error> EchoTransport::open() {
  const int fd = ::socket(AF_INET, (tcp_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in here = address_of(self_);
  (tcp_ ? listener_ : fd_) = fd;
  const bool client = tcp_ && self_ == 0;
  if (fd < 0 ||
      (!client && ::bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) ||
      (tcp_ && !client && ::listen(fd, 4) != 0)) {
    return system_failure("echo socket", errno);
  }
  if (!tcp_) set_up(fd);
  return {};
}

Result<void, Error> EchoTransport::connect() {
  if (self_ > 1) return {};
  if (!tcp_ || self_ == 0) {
    const sockaddr_in other = address_of(1 - self_);
    if (tcp_) std::swap(fd_, listener_);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&other), sizeof other) != 0) {
      return system_failure("echo connection", errno);
    }
  } else {
    fd_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd_ < 0) return system_failure("echo connection", errno);
  }
  set_up(fd_);
  return {};
}

void EchoTransport::start(std::size_t, std::uint64_t rpc, std::uint32_t request_bytes,
                          std::uint32_t) {
  rpc_ = rpc;
  const std::size_t least = tcp_ ? sizeof(std::uint32_t) : 1;
  const auto bytes =
      static_cast<std::uint32_t>(std::clamp<std::size_t>(request_bytes, least, kBytesMax));
  if (tcp_) std::memcpy(buffer_.data(), &bytes, sizeof bytes);
  send(bytes);
}

void EchoTransport::send(std::size_t bytes) {
  for (std::size_t sent = 0; sent < bytes;) {
    const ssize_t count = ::send(fd_, buffer_.data() + sent, bytes - sent, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) return;
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
}

std::size_t EchoTransport::receive() {
  const ssize_t count = ::recv(fd_, buffer_.data() + received_, buffer_.size() - received_,
                               setup_.spin ? MSG_DONTWAIT : 0);
  if (count <= 0) return 0;
  if (!tcp_) return static_cast<std::size_t>(count);
  received_ += static_cast<std::size_t>(count);
  std::uint32_t bytes = 0;
  if (received_ < sizeof bytes) return 0;
  std::memcpy(&bytes, buffer_.data(), sizeof bytes);
  if (received_ < bytes) return 0;
  received_ = 0;
  return bytes;
}

void EchoTransport::serve_until(Nanoseconds until, Listener& listener) {
  do {
    for (int i = 0; i < (setup_.spin ? kTriesPerClock : 1); ++i) {
      const std::size_t bytes = receive();
      if (bytes == 0) continue;
      if (self_ == 0) return listener.on_end(rpc_, RpcEnd::kComplete);
      send(bytes);
    }
  } while (bench_now() < until);
}

}  // namespace

Result<std::unique_ptr<BenchTransport>, Error> make_echo_transport(const BenchSetup& setup,
                                                                   std::size_t self, bool tcp) {
  auto transport = std::make_unique<EchoTransport>(setup, self, tcp);
  if (const auto opened = transport->open(); !opened) return Unexpected(opened.error());
  return std::unique_ptr<BenchTransport>(std::move(transport));
}

}  // namespace homa::tools
