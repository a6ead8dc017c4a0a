// nng: its request and reply protocol over TCP, a context for each request in progress, all in
// callbacks.
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "net_transport.h"

namespace homa::bench {
namespace {

constexpr std::chrono::milliseconds kPatience{100};

std::string endpoint() {
  return "tcp://" + host_address(kServerHost) + ":" + std::to_string(kBenchPort);
}

nng_msg* message_of(std::uint32_t bytes) {
  nng_msg* message = nullptr;
  nng_msg_alloc(&message, bytes);
  return message;
}

// One context that answers request after request.
struct Answering {
  nng_ctx context{};
  nng_aio* aio = nullptr;
  std::uint32_t response = 0;
  bool sending = false;

  static void next(void* self_pointer) {
    auto& self = *static_cast<Answering*>(self_pointer);
    if (nng_aio_result(self.aio) != 0) return;  // closed
    if (self.sending) {
      self.sending = false;
      nng_ctx_recv(self.context, self.aio);
      return;
    }
    nng_msg_free(nng_aio_get_msg(self.aio));
    nng_aio_set_msg(self.aio, message_of(self.response));
    self.sending = true;
    nng_ctx_send(self.context, self.aio);
  }
};

class NngServer final : public Server {
 public:
  ~NngServer() override {
    nng_close(socket_);
    for (auto& each : contexts_) nng_aio_free(each->aio);
  }
  int open(const NetCase& what) {
    int status = nng_rep0_open(&socket_);
    for (std::uint32_t i = 0; i < what.outstanding && status == 0; ++i) {
      contexts_.push_back(std::make_unique<Answering>());
      Answering& each = *contexts_.back();
      each.response = what.response;
      status = nng_ctx_open(&each.context, socket_);
      nng_aio_alloc(&each.aio, Answering::next, &each);
      if (status == 0) nng_ctx_recv(each.context, each.aio);
    }
    return status == 0 ? nng_listen(socket_, endpoint().c_str(), nullptr, 0) : status;
  }
  void serve(const std::atomic<bool>& stop) override {
    while (!stop) std::this_thread::sleep_for(kPatience / 10);
  }

 private:
  nng_socket socket_ = NNG_SOCKET_INITIALIZER;
  std::vector<std::unique_ptr<Answering>> contexts_;
};

class NngClient final : public Client {
 public:
  ~NngClient() override {
    nng_close(socket_);
    for (auto& each : contexts_) nng_aio_free(each->aio);
  }
  int open(const NetCase& what) {
    request_ = what.request;
    int status = nng_req0_open(&socket_);
    if (status == 0) status = nng_dial(socket_, endpoint().c_str(), nullptr, 0);
    for (std::uint32_t i = 0; i < what.outstanding && status == 0; ++i) {
      contexts_.push_back(std::make_unique<Asking>());
      Asking& each = *contexts_.back();
      each.client = this;
      status = nng_ctx_open(&each.context, socket_);
      nng_aio_alloc(&each.aio, Asking::next, &each);
      idle_.push_back(&each);
    }
    return status;
  }
  void start(std::uint32_t count) override {
    for (; count > 0; --count) {
      Asking* one = nullptr;
      {
        const std::lock_guard lock(mutex_);
        if (idle_.empty()) return;
        one = idle_.back();
        idle_.pop_back();
      }
      nng_aio_set_msg(one->aio, message_of(request_));
      one->sending = true;
      nng_ctx_send(one->context, one->aio);
    }
  }
  std::uint32_t poll() override {
    std::unique_lock lock(mutex_);
    answered_now_.wait_for(lock, kPatience, [this] { return answered_ > 0; });
    return std::exchange(answered_, 0);
  }

 private:
  struct Asking {
    NngClient* client = nullptr;
    nng_ctx context{};
    nng_aio* aio = nullptr;
    bool sending = false;

    static void next(void* self_pointer) {
      auto& self = *static_cast<Asking*>(self_pointer);
      if (nng_aio_result(self.aio) != 0) return;
      if (self.sending) {
        self.sending = false;
        nng_ctx_recv(self.context, self.aio);
        return;
      }
      nng_msg_free(nng_aio_get_msg(self.aio));
      const std::lock_guard lock(self.client->mutex_);
      self.client->idle_.push_back(&self);
      ++self.client->answered_;
      self.client->answered_now_.notify_one();
    }
  };

  nng_socket socket_ = NNG_SOCKET_INITIALIZER;
  std::uint32_t request_ = 0;
  std::mutex mutex_;
  std::condition_variable answered_now_;
  std::uint32_t answered_ = 0;
  std::vector<Asking*> idle_;
  std::vector<std::unique_ptr<Asking>> contexts_;
};

Error failure(int status) {
  return {ErrorCode::kSystem, std::string("nng: ") + nng_strerror(status)};
}

Result<std::unique_ptr<Server>, Error> make_nng_server(const NetCase& what) {
  auto server = std::make_unique<NngServer>();
  if (const int status = server->open(what); status != 0) return Unexpected(failure(status));
  return std::unique_ptr<Server>(std::move(server));
}

Result<std::unique_ptr<Client>, Error> make_nng_client(const NetCase& what) {
  auto client = std::make_unique<NngClient>();
  if (const int status = client->open(what); status != 0) return Unexpected(failure(status));
  return std::unique_ptr<Client>(std::move(client));
}

const Transport nng("nng", make_nng_server, make_nng_client);

}  // namespace
}  // namespace homa::bench
