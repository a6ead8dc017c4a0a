// TCP and UDP as a careful programmer uses them: no Nagle, one system call for all that is ready.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "base/failure.h"
#include "net_transport.h"

namespace homa::bench {
namespace {

using base::Descriptor;
constexpr std::size_t kBufferBytes = 1 << 20;
constexpr int kWaitMilliseconds = 100;

sockaddr_in name_of(int host) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(kBenchPort);
  ::inet_pton(AF_INET, host_address(host).c_str(), &name.sin_addr);
  return name;
}

// One end of a connection that turns whole inputs (of in_bytes) into outputs (of out_bytes), or
// counts them.
struct Connection {
  Descriptor socket;
  std::size_t received = 0;  // of the current input
  std::size_t to_send = 0;   // bytes of outputs not handed over yet
  bool wants_write = false;
};

class TcpEnd {
 public:
  TcpEnd(const NetCase& what, std::size_t in_bytes, std::size_t out_bytes)
      : spin_(what.spin), in_bytes_(in_bytes), out_bytes_(out_bytes), buffer_(kBufferBytes) {
    epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  }

  void add(Descriptor socket) {
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = connections_.size();
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event);
    connections_.push_back({std::move(socket), 0, 0, false});
  }
  std::size_t size() const { return connections_.size(); }

  void send(std::size_t index, std::size_t outputs) {
    connections_[index].to_send += outputs * out_bytes_;
    flush(index);
  }

  // Inputs that became whole; each is answered at once when `answer`.
  std::uint32_t poll(bool answer, std::vector<std::uint32_t>* by_connection) {
    if (connections_.size() == 1 && spin_) {
      if (connections_[0].to_send > 0) flush(0);
      return take(0, answer, by_connection);
    }
    std::array<epoll_event, 64> events;
    const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   spin_ ? 0 : kWaitMilliseconds);
    std::uint32_t total = 0;
    for (int i = 0; i < ready; ++i) {
      const std::size_t index = events[static_cast<std::size_t>(i)].data.u64;
      if (connections_[index].to_send > 0) flush(index);
      total += take(index, answer, by_connection);
    }
    return total;
  }

 private:
  std::uint32_t take(std::size_t index, bool answer, std::vector<std::uint32_t>* by_connection) {
    Connection& connection = connections_[index];
    const ssize_t got =
        ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got <= 0) return 0;
    connection.received += static_cast<std::size_t>(got);
    const std::size_t whole = connection.received / in_bytes_;
    connection.received -= whole * in_bytes_;
    if (answer && whole > 0) send(index, whole);
    if (by_connection != nullptr) (*by_connection)[index] += static_cast<std::uint32_t>(whole);
    return static_cast<std::uint32_t>(whole);
  }

  void flush(std::size_t index) {
    Connection& connection = connections_[index];
    while (connection.to_send > 0) {
      const ssize_t sent =
          ::send(connection.socket.get(), buffer_.data(),
                 std::min(connection.to_send, buffer_.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent <= 0) break;
      connection.to_send -= static_cast<std::size_t>(sent);
    }
    const bool wants = connection.to_send > 0;
    if (wants == connection.wants_write) return;
    connection.wants_write = wants;
    epoll_event event{};
    event.events = EPOLLIN | (wants ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
    event.data.u64 = index;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), &event);
  }

  bool spin_;
  std::size_t in_bytes_, out_bytes_;
  std::vector<char> buffer_;
  Descriptor epoll_;
  std::vector<Connection> connections_;
};

class TcpServer final : public Server {
 public:
  TcpServer(const NetCase& what, Descriptor listener)
      : end_(what, what.request, what.response),
        connections_(what.connections),
        listener_(std::move(listener)) {}
  void serve(const std::atomic<bool>& stop) override {
    while (end_.size() < connections_ && !stop) {
      end_.add(Descriptor(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    }
    while (!stop) end_.poll(true, nullptr);
  }

 private:
  TcpEnd end_;
  std::size_t connections_;
  Descriptor listener_;
};

class TcpClient final : public Client {
 public:
  explicit TcpClient(const NetCase& what)
      : end_(what, what.response, what.request), answered_(what.connections, 0) {}
  TcpEnd& end() { return end_; }

  // The first requests go round the connections; later ones where answers came from.
  void start(std::uint32_t count) override {
    for (std::size_t i = 0; i < answered_.size() && count > 0; ++i) {
      const std::uint32_t here = std::min(answered_[i], count);
      if (here > 0) end_.send(i, here);
      answered_[i] -= here;
      count -= here;
    }
    for (; count > 0; --count) {
      end_.send(next_, 1);
      next_ = (next_ + 1) % end_.size();
    }
  }
  std::uint32_t poll() override { return end_.poll(false, &answered_); }

 private:
  TcpEnd end_;
  std::vector<std::uint32_t> answered_;
  std::size_t next_ = 0;
};

class UdpServer final : public Server {
 public:
  UdpServer(const NetCase& what, Descriptor socket)
      : what_(what), socket_(std::move(socket)), buffer_(65536) {}
  void serve(const std::atomic<bool>& stop) override {
    while (!stop) {
      sockaddr_in from{};
      socklen_t length = sizeof from;
      const ssize_t got =
          ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), what_.spin ? MSG_DONTWAIT : 0,
                     reinterpret_cast<sockaddr*>(&from), &length);
      if (got <= 0) continue;
      ::sendto(socket_.get(), buffer_.data(), what_.response, 0, reinterpret_cast<sockaddr*>(&from),
               length);
    }
  }

 private:
  NetCase what_;
  Descriptor socket_;
  std::vector<char> buffer_;
};

class UdpClient final : public Client {
 public:
  UdpClient(const NetCase& what, Descriptor socket)
      : what_(what), socket_(std::move(socket)), server_(name_of(kServerHost)), buffer_(65536) {}
  void start(std::uint32_t count) override {
    for (std::uint32_t i = 0; i < count; ++i) {
      ::sendto(socket_.get(), buffer_.data(), what_.request, 0,
               reinterpret_cast<const sockaddr*>(&server_), sizeof server_);
    }
  }
  std::uint32_t poll() override {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t got =
        ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), what_.spin ? MSG_DONTWAIT : 0,
                   reinterpret_cast<sockaddr*>(&from), &length);
    return got > 0 ? 1 : 0;
  }

 private:
  NetCase what_;
  Descriptor socket_;
  sockaddr_in server_;
  std::vector<char> buffer_;
};

void set_timeout(const Descriptor& socket) {
  const timeval limit{0, kWaitMilliseconds * 1000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

Result<Descriptor, Error> bound(int type, int host) {
  Descriptor socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in name = name_of(host);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    return system_failure("bind", errno);
  }
  set_timeout(socket);
  return socket;
}

Result<std::unique_ptr<Server>, Error> make_socket_server(const NetCase& what) {
  const bool tcp = what.transport == "tcp";
  auto socket = bound(tcp ? SOCK_STREAM : SOCK_DGRAM, kServerHost);
  if (!socket) return Unexpected<Error>(socket.error());
  if (!tcp) {
    return std::unique_ptr<Server>(std::make_unique<UdpServer>(what, std::move(*socket)));
  }
  ::listen(socket->get(), 1024);
  return std::unique_ptr<Server>(std::make_unique<TcpServer>(what, std::move(*socket)));
}

Result<std::unique_ptr<Client>, Error> make_socket_client(const NetCase& what) {
  if (what.transport == "udp") {
    auto socket = bound(SOCK_DGRAM, kClientHost);
    if (!socket) return Unexpected<Error>(socket.error());
    return std::unique_ptr<Client>(std::make_unique<UdpClient>(what, std::move(*socket)));
  }
  auto client = std::make_unique<TcpClient>(what);
  const sockaddr_in name = name_of(kServerHost);
  for (std::uint32_t i = 0; i < what.connections; ++i) {
    Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
      return system_failure("connect", errno);
    }
    client->end().add(std::move(socket));
  }
  return std::unique_ptr<Client>(std::move(client));
}

const Transport tcp("tcp", make_socket_server, make_socket_client);
const Transport udp("udp", make_socket_server, make_socket_client);

}  // namespace
}  // namespace homa::bench
