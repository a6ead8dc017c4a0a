// A server's insides: its socket, its methods, its threads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "homa/rpc/server.h"
#include "rpc/built_in.h"
#include "rpc/server_stream.h"

namespace homa::rpc {

class ServerCore : public std::enable_shared_from_this<ServerCore> {
 public:
  ServerCore(Socket socket, const SocketAddress& address, const ServerOptions& options);
  ~ServerCore();
  ServerCore(const ServerCore&) = delete;
  ServerCore& operator=(const ServerCore&) = delete;

  Result<void, Error> add(Handler handler);
  Result<void, Error> add_built_in();
  bool set_serving(std::string_view service, bool serving) {
    return directory_.set_serving(service, serving);
  }
  Result<void, Error> start();
  Result<void, Error> shutdown(Timeout drain);
  const SocketAddress& address() const { return address_; }
  std::vector<MethodStatistics> statistics() const;
  Socket& socket() { return socket_; }

  // Of a call that was handed out: its answer. Any thread.
  void finish(std::size_t method, ServerContext& context, RpcHandle rpc, const Status& status,
              const google::protobuf::MessageLite* response);

 private:
  struct Entry {
    explicit Entry(Handler its_handler) : handler(std::move(its_handler)) {}
    Handler handler;
    std::atomic<std::uint64_t> calls{0}, failed{0};
    std::atomic<std::uint32_t> in_progress{0};
    std::array<std::atomic<std::uint64_t>, kLatencyBuckets> took{};
  };

  void run();
  void take(Message request);
  void take_of_stream(const RequestHeader& header, Message request);
  static void count(Entry& entry, const Status& status, Clock::time_point began);
  // Answers a request whose handler does not run.
  void refuse(RpcHandle rpc, StatusCode code, std::string message);
  void answer(RpcHandle rpc, const Status& status, const Metadata& metadata,
              const google::protobuf::MessageLite* response);

  Socket socket_;
  const SocketAddress address_;
  const ServerOptions options_;
  Directory directory_;
  HealthService health_{directory_};
  ReflectionService reflection_{directory_};
  // Not changed after start().
  std::vector<std::unique_ptr<Entry>> methods_;
  std::unordered_map<std::uint64_t, std::size_t> by_id_;
  std::atomic<std::uint32_t> in_progress_{0};
  StreamTable streams_;
  std::vector<std::thread> threads_;
};

}  // namespace homa::rpc
