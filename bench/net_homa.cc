// Homa as an application uses it: sockets of a host, messages copied in and read in place.
#include <vector>

#include "homa/host.h"
#include "net_transport.h"

namespace homa::bench {
namespace {

constexpr std::chrono::milliseconds kPatience{100};

HostConfig host_config(const NetCase& what, int host) {
  HostConfig config;
  config.backend = what.transport.substr(std::string("homa-").size());
  config.address = host_address(host);
  config.run_in_callers = !what.threaded;
  config.parameters = what.parameters;
  if (what.cpu_latency_usecs >= 0) {
    config.cpu_latency = std::chrono::microseconds(what.cpu_latency_usecs);
  }
  config.poll = what.spin ? std::chrono::seconds(3600) : std::chrono::microseconds(what.poll_usecs);
  return config;
}

class HomaServer final : public Server {
 public:
  HomaServer(const NetCase& what, Host host, Socket socket)
      : host_(std::move(host)), socket_(std::move(socket)), response_(what.response) {}
  void serve(const std::atomic<bool>& stop) override {
    while (!stop) {
      auto message = socket_.receive(kPatience);
      if (!message || !message->is_request()) continue;
      (void)socket_.reply(message->rpc(), response_);
    }
  }

 private:
  Host host_;
  Socket socket_;
  std::vector<std::byte> response_;
};

class HomaClient final : public Client {
 public:
  HomaClient(const NetCase& what, Host host, Socket socket)
      : host_(std::move(host)),
        socket_(std::move(socket)),
        request_(what.request),
        in_place_(what.in_place) {
    server_.host = *Address::parse(host_address(kServerHost));
    server_.port = kBenchPort;
  }
  void start(std::uint32_t count) override {
    for (; count > 0; --count) {
      if (in_place_) {
        if (auto message = socket_.prepare(request_.size())) {
          (void)socket_.send(server_, std::move(*message));
        }
      } else {
        (void)socket_.send(server_, request_);
      }
    }
  }
  std::uint32_t poll() override {
    const auto message = socket_.receive(kPatience);
    return message && message->kind() == Message::Kind::kResponse ? 1 : 0;
  }

 private:
  Host host_;
  Socket socket_;
  SocketAddress server_;
  std::vector<std::byte> request_;
  bool in_place_;
};

Result<std::unique_ptr<Server>, Error> make_homa_server(const NetCase& what) {
  auto host = Host::open(host_config(what, kServerHost));
  if (!host) return Unexpected<Error>(host.error());
  auto socket = host->serve(kBenchPort);
  if (!socket) return Unexpected<Error>(socket.error());
  return std::unique_ptr<Server>(
      std::make_unique<HomaServer>(what, std::move(*host), std::move(*socket)));
}

Result<std::unique_ptr<Client>, Error> make_homa_client(const NetCase& what) {
  auto host = Host::open(host_config(what, kClientHost));
  if (!host) return Unexpected<Error>(host.error());
  auto socket = host->client();
  if (!socket) return Unexpected<Error>(socket.error());
  return std::unique_ptr<Client>(
      std::make_unique<HomaClient>(what, std::move(*host), std::move(*socket)));
}

const Transport homa_transport("homa-", make_homa_server, make_homa_client);

}  // namespace
}  // namespace homa::bench
