// ZeroMQ: a DEALER that asks and a ROUTER that answers, over one TCP connection, as its guide has
// it for many requests in progress.
#include <zmq.h>

#include <vector>

#include "net_transport.h"

namespace homa::bench {
namespace {

constexpr int kPatienceMs = 100;

Error failure(const char* what) {
  return {ErrorCode::kSystem, std::string(what) + ": " + zmq_strerror(zmq_errno())};
}

// A context with one socket.
class ZeroMq {
 public:
  explicit ZeroMq(int type) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, type)) {
    const int none = 0, patience = kPatienceMs;
    zmq_setsockopt(socket_, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(socket_, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(socket_, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &patience, sizeof patience);
  }
  ~ZeroMq() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  ZeroMq(const ZeroMq&) = delete;
  ZeroMq& operator=(const ZeroMq&) = delete;
  void* socket() const { return socket_; }

 private:
  void* context_;
  void* socket_;
};

std::string endpoint() {
  return "tcp://" + host_address(kServerHost) + ":" + std::to_string(kBenchPort);
}

class ZeroMqServer final : public Server {
 public:
  explicit ZeroMqServer(const NetCase& what) : zeromq_(ZMQ_ROUTER), response_(what.response) {}
  bool open() { return zmq_bind(zeromq_.socket(), endpoint().c_str()) == 0; }

  void serve(const std::atomic<bool>& stop) override {
    std::vector<char> client(256), request(1 << 20);
    while (!stop) {
      const int name = zmq_recv(zeromq_.socket(), client.data(), client.size(), 0);
      if (name < 0) continue;
      if (zmq_recv(zeromq_.socket(), request.data(), request.size(), 0) < 0) continue;
      zmq_send(zeromq_.socket(), client.data(), static_cast<std::size_t>(name), ZMQ_SNDMORE);
      zmq_send(zeromq_.socket(), response_.data(), response_.size(), 0);
    }
  }

 private:
  ZeroMq zeromq_;
  std::vector<char> response_;
};

class ZeroMqClient final : public Client {
 public:
  explicit ZeroMqClient(const NetCase& what)
      : zeromq_(ZMQ_DEALER), request_(what.request), response_(1 << 20) {}
  bool open() { return zmq_connect(zeromq_.socket(), endpoint().c_str()) == 0; }

  void start(std::uint32_t count) override {
    for (; count > 0; --count) zmq_send(zeromq_.socket(), request_.data(), request_.size(), 0);
  }
  std::uint32_t poll() override {
    return zmq_recv(zeromq_.socket(), response_.data(), response_.size(), 0) >= 0 ? 1 : 0;
  }

 private:
  ZeroMq zeromq_;
  std::vector<char> request_, response_;
};

Result<std::unique_ptr<Server>, Error> make_zeromq_server(const NetCase& what) {
  auto server = std::make_unique<ZeroMqServer>(what);
  if (!server->open()) return Unexpected(failure("zeromq"));
  return std::unique_ptr<Server>(std::move(server));
}

Result<std::unique_ptr<Client>, Error> make_zeromq_client(const NetCase& what) {
  auto client = std::make_unique<ZeroMqClient>(what);
  if (!client->open()) return Unexpected(failure("zeromq"));
  return std::unique_ptr<Client>(std::move(client));
}

const Transport zeromq("zeromq", make_zeromq_server, make_zeromq_client);

}  // namespace
}  // namespace homa::bench
