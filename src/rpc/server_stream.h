// A server's streams: each a handler in a thread of its own, and the requests that carry its
// messages.
//
// What comes from the network names a stream by its client's address and random number. Requests
// that fit no stream, or lie outside of the window, are refused with a status. A stream is alive as
// long as its client waits for a message; the handler of one that is not gets false.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "homa/rpc/server.h"
#include "homa/rpc/stream.h"
#include "rpc/header.h"

namespace homa::rpc {

// A handler that failed when the deadline had passed failed by that, as its client sees it.
Status at_deadline(std::optional<Clock::time_point> deadline, const Status& status);

// Answers a request of a stream.
void answer_stream(Socket& socket, RpcHandle rpc, const Status& status, const Metadata& metadata,
                   const google::protobuf::MessageLite* message, bool end_of_stream);

class ServerStreamEnd : public ServerStreamCore {
 public:
  ServerStreamEnd(Socket& socket, Message opened, std::span<const std::byte> metadata);

  // --- The handler's thread ---
  bool read(google::protobuf::MessageLite* message) override;
  bool write(const google::protobuf::MessageLite& message) override;
  ServerContext& context() { return context_; }
  void finish(Status status);

  // --- Threads that receive ---
  void take(const RequestHeader& header, Message request);
  void set_deadline(Clock::time_point deadline) { context_.deadline_ = deadline; }
  // The handler's calls give false from now on.
  void cancel();
  bool is_cancelled();
  // The handler has ended, and its client knows that, or is gone.
  bool over();

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Incoming {
    Message request;
    std::span<const std::byte> body;
  };

  // Until `ready` or the stream's end; false: the end.
  template <typename Ready>
  bool wait(Lock& lock, Ready ready);
  bool alive();  // under the lock
  bool in_window(std::uint32_t sequence, std::uint32_t next) const {
    return sequence - next < kStreamWindow;
  }
  void end_of(RpcHandle rpc) {
    answer_stream(socket_, rpc, *final_, context_.response_metadata(), nullptr, true);
  }

  Socket& socket_;
  const Message opened_;  // the metadata lie in it
  ServerContext context_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint32_t, Incoming> incoming_;  // not read yet
  std::map<std::uint32_t, RpcHandle> pulls_;    // not answered yet
  std::uint32_t next_read_ = 0, next_write_ = 0;
  std::optional<std::uint32_t> messages_;  // that the client sent, once it said so
  bool cancelled_ = false;
  std::optional<Status> final_;
  bool end_told_ = false;
  Clock::time_point heard_ = Clock::now();
};

class StreamTable {
 public:
  StreamTable(Socket& socket, std::uint32_t streams_max)
      : socket_(socket), streams_max_(streams_max) {}
  ~StreamTable() { end(); }
  StreamTable(const StreamTable&) = delete;
  StreamTable& operator=(const StreamTable&) = delete;

  using Handle = std::function<Status(ServerContext&, ServerStreamCore&)>;
  // A request of a stream. `handle`: the method's, nullptr if it is none with streams. Any thread.
  // `ended` is called with the final status, in the handler's thread.
  void take(const RequestHeader& header, Message request, const Handle* handle,
            std::function<void(const Status&)> ended);
  // Ends all streams, and waits for their handlers.
  void end();

 private:
  struct Key {
    SocketAddress client;
    std::uint64_t stream;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Running {
    std::shared_ptr<ServerStreamEnd> stream;
    std::thread thread;
  };

  void open(const RequestHeader& header, Message request, const Handle& handle,
            std::function<void(const Status&)> ended);
  void remove_over();  // under the lock

  Socket& socket_;
  const std::uint32_t streams_max_;
  std::mutex mutex_;
  std::map<Key, Running> streams_;
};

}  // namespace homa::rpc
