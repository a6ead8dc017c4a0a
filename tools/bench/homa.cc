// RPCs over Homa: one host whose socket serves and calls in one thread, with the engine inside it;
// or, where handlers take time, threads of a server's own beside it. Against a server that is not
// ours the host is a client only, and nothing is known of the responses.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <memory>

#include "tools/bench/answers.h"
#include "tools/bench/homa_server.h"
#include "tools/bench/transport.h"

namespace homa::tools {
namespace {

constexpr std::uint16_t kPort = 4000;
constexpr int kMessagesPerVisit = 32;

class HomaBenchTransport final : public BenchTransport {
 public:
  HomaBenchTransport(std::uint32_t response_bytes, const BenchPattern& pattern, Host host,
                     Socket socket, std::vector<SocketAddress> peers)
      : answers_(pattern, response_bytes),
        pattern_(pattern),
        host_(std::move(host)),
        socket_(std::move(socket)),
        peers_(std::move(peers)) {}

  // Requests are answered by threads of their own, on `socket`.
  void serve_in_threads(Socket socket, std::uint32_t response_bytes, const ServiceTime& time,
                        int threads) {
    server_ =
        std::make_unique<HomaServer>(std::move(socket), pattern_, response_bytes, time, threads);
  }
  // All requests contain this; responses are not looked at.
  void send_only(std::vector<std::byte> request) { foreign_request_ = std::move(request); }

  void start(std::size_t peer, std::uint64_t rpc, std::uint32_t request_bytes,
             std::uint32_t response_bytes) override;
  void serve_until(Nanoseconds until, Listener& listener) override;
  std::uint64_t retransmissions() const override;
  std::uint64_t corrupt_requests() const override {
    return corrupt_requests_ + (server_ ? server_->corrupt_requests() : 0);
  }
  std::string description() const override { return host_.description(); }
  std::string counters() const override {
    std::string text;
    for (const Counter& counter : host_.counters()) {
      if (counter.value != 0) text += fmt::format("{} {}\n", counter.name, counter.value);
    }
    return text;
  }

 private:
  struct Waiting {  // for transmit memory
    std::size_t peer = 0;
    RpcHandle reply_to = 0;  // 0: it is a request
    std::uint64_t rpc = 0;
    std::uint8_t tag = 0;
    std::uint32_t bytes = 0;
  };

  // False: no memory now, try again later.
  bool transmit(const Waiting& message);
  void transmit_or_wait(const Waiting& message);
  void take(Message message, Listener& listener);
  void take_request(const Message& message);
  bool is_intact(std::uint64_t rpc, const Message& response) const;

  BenchAnswers answers_;
  const BenchPattern& pattern_;
  Host host_;
  Socket socket_;
  std::vector<SocketAddress> peers_;
  std::unique_ptr<HomaServer> server_;      // ends before the host does
  std::vector<std::byte> foreign_request_;  // empty: peers are ours
  std::deque<Waiting> waiting_;
  std::vector<std::uint64_t> refused_;  // RPCs that could not even be started
  // Cookies are RPC numbers plus one and their lengths; 0 is what requests have.
  static std::uint64_t cookie(std::uint64_t rpc) { return rpc + 1; }
  std::vector<std::uint32_t> expected_;  // response length by RPC number
};

void HomaBenchTransport::start(std::size_t peer, std::uint64_t rpc, std::uint32_t request_bytes,
                               std::uint32_t response_bytes) {
  if (expected_.size() <= rpc) expected_.resize(rpc + 1024);
  expected_[rpc] = response_bytes;
  transmit_or_wait({peer, 0, rpc, BenchPattern::request_tag(rpc), request_bytes});
}

bool HomaBenchTransport::transmit(const Waiting& message) {
  const auto body = foreign_request_.empty()
                        ? pattern_.message(message.tag, message.bytes)
                        : std::span<const std::byte>(foreign_request_).first(message.bytes);
  if (message.reply_to != 0) {
    const auto replied = socket_.reply(message.reply_to, body);
    // Any other failure means that its client has given up, and counts the failure itself.
    return replied || replied.error().code != ErrorCode::kNoMemory;
  }
  const auto sent = socket_.send(peers_[message.peer], body, {.cookie = cookie(message.rpc)});
  if (sent) return true;
  if (sent.error().code == ErrorCode::kNoMemory) return false;
  refused_.push_back(message.rpc);
  return true;
}

void HomaBenchTransport::transmit_or_wait(const Waiting& message) {
  if (!waiting_.empty() || !transmit(message)) waiting_.push_back(message);
}

void HomaBenchTransport::take_request(const Message& message) {
  const BenchAnswers::Answer answer = answers_.to(message.bytes());
  if (!answer.intact) ++corrupt_requests_;
  transmit_or_wait({0, message.rpc(), 0, answer.tag, answer.bytes});
}

bool HomaBenchTransport::is_intact(std::uint64_t rpc, const Message& response) const {
  if (!foreign_request_.empty()) return true;
  const std::uint8_t tag = BenchPattern::response_tag(BenchPattern::request_tag(rpc));
  return rpc < expected_.size() && response.size() == expected_[rpc] &&
         pattern_.matches(tag, 0, response.bytes());
}

void HomaBenchTransport::take(Message message, Listener& listener) {
  if (message.is_request()) return take_request(message);
  const std::uint64_t rpc = message.cookie() - 1;
  if (message.kind() == Message::Kind::kFailure) return listener.on_end(rpc, RpcEnd::kFailed);
  const bool intact = is_intact(rpc, message);
  message.release();
  listener.on_end(rpc, intact ? RpcEnd::kComplete : RpcEnd::kCorrupt);
}

void HomaBenchTransport::serve_until(Nanoseconds until, Listener& listener) {
  for (int i = 0; i < kMessagesPerVisit; ++i) {
    while (!waiting_.empty() && transmit(waiting_.front())) waiting_.pop_front();
    for (const std::uint64_t rpc : std::exchange(refused_, {})) {
      listener.on_end(rpc, RpcEnd::kFailed);
    }
    const Nanoseconds left = std::max(until - bench_now(), Nanoseconds::zero());
    // Memory comes free while the engine runs; look again soon.
    constexpr Nanoseconds kMemoryCheck = std::chrono::milliseconds(1);
    const Nanoseconds patience = waiting_.empty() ? left : std::min(left, kMemoryCheck);
    // Having served, the caller may have something to do: take only what is here already.
    auto message = socket_.receive(i == 0 ? patience : Nanoseconds::zero());
    if (message) take(std::move(*message), listener);
    if (!message || until <= bench_now()) return;
  }
}

std::uint64_t HomaBenchTransport::retransmissions() const {
  for (const Counter& counter : host_.counters()) {
    if (counter.name == "retransmitted_packets") return counter.value;
  }
  return 0;
}

// Each host is a process of its own and writes a file of its own: traffic-1.pcap, traffic-2.pcap,
// ...
std::string capture_of_host(const std::filesystem::path& path, std::size_t host) {
  std::filesystem::path name = path.stem();
  name += fmt::format("-{}", host + 1);
  name += path.extension();
  return path.parent_path() / name;
}

Result<std::vector<SocketAddress>, Error> peers_of(const BenchSetup& setup,
                                                   std::uint16_t udp_port) {
  std::vector<SocketAddress> peers;
  if (setup.server) {
    // Whichever host is chosen, this is where the request goes.
    peers.assign(std::max<std::size_t>(setup.hosts.size(), 2), setup.server->address);
    return peers;
  }
  for (const BenchHostPlace& place : setup.hosts) {
    auto address = Address::parse(place.address);
    if (!address) return Unexpected(address.error());
    address->udp_port = udp_port;
    peers.push_back({*address, kPort});
  }
  return peers;
}

}  // namespace

Result<std::unique_ptr<BenchTransport>, Error> make_homa_transport(const BenchSetup& setup,
                                                                   std::size_t self,
                                                                   std::uint32_t response_bytes,
                                                                   const BenchPattern& pattern) {
  HostConfig config = setup.homa;
  if (setup.server) {
    config.udp_port = 0;  // clients share an address
  } else {
    config.address = setup.hosts[self].address;
  }
  if (!config.pcap.empty()) config.pcap = capture_of_host(config.pcap, self);
  auto host = Host::open(config);
  if (!host) return Unexpected(host.error());
  const bool threads = setup.server_threads > 0;
  auto server = setup.server ? Result<Socket, Error>(Socket()) : host->serve(kPort);
  if (!server) return Unexpected(server.error());
  auto client = setup.server || threads ? host->client() : std::move(server);
  if (!client) return Unexpected(client.error());
  auto peers = peers_of(setup, config.udp_port);
  if (!peers) return Unexpected(peers.error());
  auto transport = std::make_unique<HomaBenchTransport>(response_bytes, pattern, std::move(*host),
                                                        std::move(*client), std::move(*peers));
  if (setup.server) {
    transport->send_only(setup.server->content.message(setup.message_bytes_max));
  } else if (threads) {
    transport->serve_in_threads(std::move(*server), response_bytes, setup.service_time,
                                setup.server_threads);
  }
  return std::unique_ptr<BenchTransport>(std::move(transport));
}

}  // namespace homa::tools
