// A channel's insides: one call is a few attempts at different servers, each of which is one RPC.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "homa/async.h"
#include "homa/rpc/channel.h"
#include "rpc/balancer.h"

namespace homa::rpc {

class ChannelCore {
 public:
  ChannelCore(Socket socket, std::vector<SocketAddress> servers, const ChannelOptions& options,
              std::uint64_t seed);

  Result<void, Error> open_async(Socket socket);  // with an executor
  Executor& executor() { return *options_.executor; }
  void close();

  Status call(const Method& method, ClientContext& context,
              const google::protobuf::MessageLite& request,
              google::protobuf::MessageLite* response);
  static std::unique_ptr<ClientStreamCore> stream(const std::shared_ptr<ChannelCore>& self,
                                                  const Method& method, ClientContext& context);
  // The core lives until the coroutine has ended.
  static Task<Status> call_async(std::shared_ptr<ChannelCore> self, const Method& method,
                                 ClientContext& context,
                                 const google::protobuf::MessageLite& request,
                                 google::protobuf::MessageLite* response);

 private:
  // What one call remembers from attempt to attempt.
  struct Attempts {
    explicit Attempts(std::size_t servers) : asked(servers) {}
    std::vector<bool> asked;
    std::size_t server = 0;  // that is being asked
    Status last{StatusCode::kUnavailable, "no server is left to ask"};
  };

  Status begin(const Method& method, ClientContext& context) const;
  void end(const Method& method, ClientContext& context, const Status& status) const;
  bool next_server(Attempts& attempts, ClientContext& context);
  bool try_again(Attempts& attempts, const Method& method, const ClientContext& context,
                 Status status);
  static Result<PreparedMessage, Error> prepare(Socket& socket, const Method& method,
                                                const ClientContext& context,
                                                const google::protobuf::MessageLite& request);
  Status attempt(const SocketAddress& server, const Method& method, ClientContext& context,
                 const google::protobuf::MessageLite& request,
                 google::protobuf::MessageLite* response);
  Result<Message, Error> call_stoppable(const SocketAddress& server, PreparedMessage request,
                                        const ClientContext& context);
  // --- hedge.cc ---
  bool hedges(const Method& method) const {
    return options_.hedge_after && method.idempotent && balancer_.servers() > 1;
  }
  // Asks `attempts.server`, and a second one if the first takes long. attempts.server is then the
  // one whose status it is.
  Status attempt_hedged(Attempts& attempts, const Method& method, ClientContext& context,
                        const google::protobuf::MessageLite& request,
                        google::protobuf::MessageLite* response);
  static Status read(const Result<Message, Error>& answer, ClientContext& context,
                     google::protobuf::MessageLite* response);

  const ChannelOptions options_;
  Socket socket_;
  std::optional<AsyncSocket> async_;
  Balancer balancer_;
};

}  // namespace homa::rpc
