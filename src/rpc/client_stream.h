// A client's end of a stream: the RPCs that carry its messages, in a window for each direction.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "homa/rpc/method.h"
#include "homa/rpc/stream.h"
#include "rpc/header.h"

namespace homa::rpc {

class ClientStreamEnd : public ClientStreamCore {
 public:
  // `socket`: the channel's. `channel` keeps it.
  ClientStreamEnd(std::shared_ptr<void> channel, Socket& socket, const SocketAddress& server,
                  const Method& method, ClientContext& context, std::uint64_t id);
  ~ClientStreamEnd() override;

  // Once, before anything else: asks the server for the stream.
  Status open();
  // Instead: it cannot be opened.
  void fail(Status status) { end(std::move(status)); }

  bool write(const google::protobuf::MessageLite& message) override;
  bool writes_done() override;
  bool read(google::protobuf::MessageLite* message) override;
  Status finish() override;
  void cancel() override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Answer {  // what came for one RPC
    Status status;
    bool ended = false;  // the stream has, with that status
    std::span<const std::byte> body;
    Message message;
  };

  Result<RpcHandle, Error> send(Kind kind, std::uint32_t sequence,
                                const google::protobuf::MessageLite* message);
  Answer wait_for(RpcHandle rpc);
  bool write_step(Kind kind, const google::protobuf::MessageLite* message);
  bool pull();
  void end(Status status);
  bool ended() const {
    const Lock lock(mutex_);
    return final_.has_value();
  }

  const std::shared_ptr<void> channel_;
  Socket& socket_;
  const SocketAddress server_;
  const Method method_;
  ClientContext& context_;
  const std::uint64_t id_;

  // The writer's, and the reader's; the deques also under the lock, for end().
  std::uint32_t written_ = 0, pulled_ = 0;
  bool done_writing_ = false;

  mutable std::mutex mutex_;
  std::deque<RpcHandle> writes_, pulls_;
  std::optional<Status> final_;
  struct Cancel {
    ClientStreamEnd* stream;
    void operator()() const { stream->cancel(); }
  };
  std::optional<std::stop_callback<Cancel>> stop_;
};

}  // namespace homa::rpc
