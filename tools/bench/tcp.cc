// RPCs over TCP: a number of connections from every host to every other, one thread, epoll.
// A request goes to the connection of its pair that has the least to do. A server answers in order,
// or, where handlers take time, in the order in which they end.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <vector>

#include "base/failure.h"
#include "tools/bench/transport.h"
#include "tools/bench/worker_pool.h"

namespace homa::tools {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr int kEvents = 64;

// In front of every message; both ends are the same program.
struct Frame {
  std::uint32_t bytes = 0;
  std::uint32_t response_bytes = 0;
  std::uint64_t rpc = 0;
};

struct Outgoing {
  Frame frame;
  std::span<const std::byte> body;
};

struct Connection {
  int fd = -1;
  bool is_client = false;
  bool wants_write = false;
  std::deque<Outgoing> queue;
  std::size_t sent = 0;      // of the front of the queue, frame included
  Frame arriving;            // being received
  std::size_t received = 0;  // of it, frame included
  bool intact = true;
  std::uint64_t backlog = 0;  // client: bytes of requests and responses not yet done
};

class TcpTransport final : public BenchTransport {
 public:
  TcpTransport(const BenchSetup& setup, std::size_t self, BenchProtocol protocol,
               const BenchPattern& pattern)
      : setup_(setup),
        self_(self),
        protocol_(std::move(protocol)),
        pattern_(pattern),
        clients_(setup.hosts.size()),
        read_buffer_(kReadBytes) {
    if (setup.server_threads > 0) {
      workers_ = std::make_unique<WorkerPool>(setup.service_time, setup.server_threads);
    }
  }

  ~TcpTransport() override {
    for (const auto& connection : connections_) ::close(connection->fd);
    if (listener_fd_ >= 0) ::close(listener_fd_);
    if (epoll_ >= 0) ::close(epoll_);
  }

  Result<void, Error> listen();
  Result<void, Error> connect() override;
  void start(std::size_t peer, std::uint64_t rpc, std::uint32_t request_bytes,
             std::uint32_t response_bytes) override;
  void serve_until(Nanoseconds until, Listener& listener) override;
  std::uint64_t retransmissions() const override;
  std::string description() const override {
    return fmt::format("TCP {}, {} connection(s) per pair, TCP_NODELAY",
                       protocol_.congestion_control, protocol_.connections);
  }

 private:
  sockaddr_in address_of(std::size_t host, std::uint16_t port) const;
  Result<int, Error> open_socket() const;
  Connection& add(int fd, bool is_client);
  void accept_all();
  void flush(Connection& connection);
  void watch(Connection& connection, bool for_write);
  void receive(Connection& connection, Listener& listener);
  void consume(Connection& connection, std::span<const std::byte> bytes, Listener& listener);
  void message_complete(Connection& connection, Listener& listener);
  void handle(Connection& connection, const Frame& request);
  void answer(Connection& connection, const Frame& request);
  void answer_finished();

  const BenchSetup& setup_;
  std::size_t self_;
  BenchProtocol protocol_;
  const BenchPattern& pattern_;
  int epoll_ = -1;
  int listener_fd_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::vector<Connection*>> clients_;  // by peer
  std::vector<std::byte> read_buffer_;
  struct Handled {
    Connection* connection = nullptr;
    Frame request;
  };
  std::vector<Handled> handled_;  // by token of workers_
  std::vector<std::uint64_t> free_tokens_;
  std::unique_ptr<WorkerPool> workers_;
};

sockaddr_in TcpTransport::address_of(std::size_t host, std::uint16_t port) const {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, setup_.hosts[host].address.c_str(), &address.sin_addr);
  return address;
}

Result<int, Error> TcpTransport::open_socket() const {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_failure("TCP socket", errno);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string& name = protocol_.congestion_control;
  if (::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.c_str(),
                   static_cast<socklen_t>(name.size())) != 0) {
    const int error = errno;
    ::close(fd);
    return system_failure(
        fmt::format("TCP congestion control '{}' (this kernel's: /proc/sys/net/ipv4/"
                    "tcp_available_congestion_control)",
                    name),
        error);
  }
  return fd;
}

Connection& TcpTransport::add(int fd, bool is_client) {
  auto connection = std::make_unique<Connection>();
  connection->fd = fd;
  connection->is_client = is_client;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = connection.get();
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  connections_.push_back(std::move(connection));
  return *connections_.back();
}

Result<void, Error> TcpTransport::listen() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  const auto fd = open_socket();
  if (!fd) return Unexpected(fd.error());
  listener_fd_ = *fd;
  const sockaddr_in address = address_of(self_, setup_.tcp_port);
  if (::bind(*fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(*fd, 1024) != 0) {
    return system_failure(fmt::format("TCP {}:{}", setup_.hosts[self_].address, setup_.tcp_port),
                          errno);
  }
  epoll_event event{};
  event.events = EPOLLIN;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, *fd, &event);
  if (workers_) {
    event.data.ptr = workers_.get();
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, workers_->descriptor(), &event);
  }
  return {};
}

Result<void, Error> TcpTransport::connect() {
  for (std::size_t peer = 0; peer < setup_.hosts.size(); ++peer) {
    if (peer == self_) continue;
    for (int i = 0; i < protocol_.connections; ++i) {
      const auto fd = open_socket();
      if (!fd) return Unexpected(fd.error());
      const sockaddr_in from = address_of(self_, 0);
      const sockaddr_in to = address_of(peer, setup_.tcp_port);
      if (::bind(*fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
          ::connect(*fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        const int error = errno;
        ::close(*fd);
        return system_failure("TCP connection to " + setup_.hosts[peer].address, error);
      }
      clients_[peer].push_back(&add(*fd, true));
    }
  }
  return {};
}

void TcpTransport::accept_all() {
  const int fd = ::accept4(listener_fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  add(fd, false);
}

void TcpTransport::start(std::size_t peer, std::uint64_t rpc, std::uint32_t request_bytes,
                         std::uint32_t response_bytes) {
  Connection& least = **std::min_element(
      clients_[peer].begin(), clients_[peer].end(),
      [](const Connection* a, const Connection* b) { return a->backlog < b->backlog; });
  least.backlog += request_bytes + response_bytes;
  least.queue.push_back({Frame{request_bytes, response_bytes, rpc},
                         pattern_.message(BenchPattern::request_tag(rpc), request_bytes)});
  if (!least.wants_write) flush(least);
}

void TcpTransport::watch(Connection& connection, bool for_write) {
  if (connection.wants_write == for_write) return;
  connection.wants_write = for_write;
  epoll_event event{};
  event.events = EPOLLIN | (for_write ? EPOLLOUT : 0U);
  event.data.ptr = &connection;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void TcpTransport::flush(Connection& connection) {
  while (!connection.queue.empty()) {
    Outgoing& front = connection.queue.front();
    std::array<iovec, 2> parts{};
    std::size_t used = 0;
    const auto* frame = reinterpret_cast<std::byte*>(&front.frame);
    const std::size_t frame_sent = std::min(connection.sent, sizeof(Frame));
    const std::size_t body_sent = connection.sent - frame_sent;
    if (frame_sent < sizeof(Frame)) {
      parts[used++] = {const_cast<std::byte*>(frame) + frame_sent, sizeof(Frame) - frame_sent};
    }
    parts[used++] = {const_cast<std::byte*>(front.body.data()) + body_sent,
                     front.body.size() - body_sent};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = used;
    const ssize_t count = ::sendmsg(connection.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) return watch(connection, errno == EAGAIN);
    connection.sent += static_cast<std::size_t>(count);
    if (connection.sent < sizeof(Frame) + front.body.size()) continue;
    connection.queue.pop_front();
    connection.sent = 0;
  }
  watch(connection, false);
}

void TcpTransport::message_complete(Connection& connection, Listener& listener) {
  const Frame frame = connection.arriving;
  const bool intact = connection.intact;
  connection.received = 0;
  connection.intact = true;
  if (connection.is_client) {
    connection.backlog -=
        std::min<std::uint64_t>(connection.backlog, frame.bytes + frame.response_bytes);
    listener.on_end(frame.rpc, intact ? RpcEnd::kComplete : RpcEnd::kCorrupt);
    return;
  }
  if (!intact) ++corrupt_requests_;
  handle(connection, frame);
}

void TcpTransport::handle(Connection& connection, const Frame& request) {
  if (!workers_) return answer(connection, request);
  if (free_tokens_.empty()) {
    free_tokens_.push_back(handled_.size());
    handled_.emplace_back();
  }
  const std::uint64_t token = free_tokens_.back();
  free_tokens_.pop_back();
  handled_[token] = {&connection, request};
  workers_->start(token);
}

void TcpTransport::answer_finished() {
  for (const std::uint64_t token : workers_->take_finished()) {
    answer(*handled_[token].connection, handled_[token].request);
    free_tokens_.push_back(token);
  }
}

void TcpTransport::answer(Connection& connection, const Frame& request) {
  const std::uint8_t tag = BenchPattern::response_tag(BenchPattern::request_tag(request.rpc));
  // In a response, `response_bytes` is the request's length, so that the client can settle both.
  connection.queue.push_back({Frame{request.response_bytes, request.bytes, request.rpc},
                              pattern_.message(tag, request.response_bytes)});
  if (!connection.wants_write) flush(connection);
}

void TcpTransport::consume(Connection& connection, std::span<const std::byte> bytes,
                           Listener& listener) {
  while (!bytes.empty()) {
    std::size_t taken = 0;
    if (connection.received < sizeof(Frame)) {
      taken = std::min(sizeof(Frame) - connection.received, bytes.size());
      std::memcpy(reinterpret_cast<std::byte*>(&connection.arriving) + connection.received,
                  bytes.data(), taken);
    } else {
      const std::size_t offset = connection.received - sizeof(Frame);
      taken = std::min<std::size_t>(connection.arriving.bytes - offset, bytes.size());
      std::uint8_t tag = BenchPattern::request_tag(connection.arriving.rpc);
      if (connection.is_client) tag = BenchPattern::response_tag(tag);
      connection.intact = connection.intact && pattern_.matches(tag, offset, bytes.first(taken));
    }
    connection.received += taken;
    bytes = bytes.subspan(taken);
    if (connection.received >= sizeof(Frame) &&
        connection.received == sizeof(Frame) + connection.arriving.bytes) {
      message_complete(connection, listener);
    }
  }
}

void TcpTransport::receive(Connection& connection, Listener& listener) {
  const ssize_t count =
      ::recv(connection.fd, read_buffer_.data(), read_buffer_.size(), MSG_DONTWAIT);
  if (count > 0) {
    consume(connection, std::span(read_buffer_).first(static_cast<std::size_t>(count)), listener);
  } else if (count == 0 || errno != EAGAIN) {
    // The other side is gone: what it owes stays unfinished, and the run says so.
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.fd, nullptr);
  }
}

void TcpTransport::serve_until(Nanoseconds until, Listener& listener) {
  const Nanoseconds left = std::max(until - bench_now(), Nanoseconds::zero());
  const timespec timeout{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  std::array<epoll_event, kEvents> events;
  const int count = ::epoll_pwait2(epoll_, events.data(), kEvents, &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == workers_.get() && workers_) {
      answer_finished();
      continue;
    }
    auto* connection = static_cast<Connection*>(event.data.ptr);
    if (connection == nullptr) {
      accept_all();
      continue;
    }
    if ((event.events & EPOLLOUT) != 0) flush(*connection);
    if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(*connection, listener);
  }
}

std::uint64_t TcpTransport::retransmissions() const {
  std::uint64_t sum = 0;
  for (const auto& connection : connections_) {
    tcp_info info{};
    socklen_t length = sizeof info;
    if (::getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0) {
      sum += info.tcpi_total_retrans;
    }
  }
  return sum;
}

}  // namespace

Result<std::unique_ptr<BenchTransport>, Error> make_tcp_transport(const BenchSetup& setup,
                                                                  std::size_t self,
                                                                  const BenchProtocol& protocol,
                                                                  const BenchPattern& pattern) {
  auto transport = std::make_unique<TcpTransport>(setup, self, protocol, pattern);
  if (const auto listening = transport->listen(); !listening) {
    return Unexpected(listening.error());
  }
  return std::unique_ptr<BenchTransport>(std::move(transport));
}

}  // namespace homa::tools
