// The client's side of services: calls to one of the servers behind a name.
//
// Threads: any thread may call at any time. A synchronous call runs the engine in the calling
// thread, as Socket::call() does, and is the fastest form. Callbacks and coroutines go on in the
// executor's thread.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "homa/executor.h"
#include "homa/host.h"
#include "homa/rpc/context.h"
#include "homa/rpc/method.h"
#include "homa/rpc/status.h"
#include "homa/rpc/stream.h"
#include "homa/task.h"

namespace homa::rpc {

// Sees every call of a channel. It outlives the channel; its members may be called by several
// threads at once.
class ClientInterceptor {
 public:
  virtual ~ClientInterceptor() = default;
  // Before the request leaves: may add metadata, set a deadline. Anything but kOk ends the call.
  virtual Status before(const Method& /*method*/, ClientContext& /*context*/) { return {}; }
  // When the call has ended, also if before() ended it. Of a stream: when it has been opened.
  virtual void after(const Method& /*method*/, ClientContext& /*context*/, const Status&) {}
};

struct ChannelOptions {
  // Where callbacks and coroutines go on; outlives the channel. Null: synchronous calls only.
  Executor* executor = nullptr;
  // Of calls whose context has no deadline.
  Timeout timeout{};
  // Servers that one call asks at most. A further one is asked if the request was certainly not
  // executed, or if the method is idempotent and the server did not answer. 1 to 16.
  unsigned attempts_max = 3;
  // Hedging, of synchronous calls of idempotent methods: when the server has not answered in this
  // time, a second one is asked as well. The first response counts, and the other call is aborted.
  // Each uses up the budget of one retry. Not set: never. At least 100 us.
  Timeout hedge_after{};
  std::vector<ClientInterceptor*> interceptors{};
};

class ChannelCore;

class Channel {
 public:
  using Done = std::function<void(Status)>;

  // `target`: "10.0.0.1:4000" or "name:4000"; "list:ADDRESS,ADDRESS,..."; "dns:///name:4000" (all
  // addresses of the name); "file:///path" (an address a line, # begins a comment). Names are
  // looked up here, which may block. kInvalidArgument: the text says what is wrong with the target.
  static Result<Channel, Error> open(Host& host, std::string_view target,
                                     const ChannelOptions& options = {});
  Channel(Channel&&) noexcept;
  Channel& operator=(Channel&&) noexcept;
  // With an executor: in its thread. Calls that are in progress end with kUnavailable.
  ~Channel();

  // `response` is changed only by a call that ends with kOk.
  Status call(const Method& method, ClientContext& context,
              const google::protobuf::MessageLite& request,
              google::protobuf::MessageLite* response);
  // `done` is called once, in the executor's thread. All arguments but `method` live until then.
  void call(const Method& method, ClientContext& context,
            const google::protobuf::MessageLite& request, google::protobuf::MessageLite* response,
            Done done);
  // Opens a stream at one of the servers, which stays its server. `context` lives as long as the
  // stream. A stream that could not be opened has ended: finish() says why.
  std::unique_ptr<ClientStreamCore> stream(const Method& method, ClientContext& context);
  // The same as a coroutine; the arguments live until it has ended.
  Task<Status> call_async(const Method& method, ClientContext& context,
                          const google::protobuf::MessageLite& request,
                          google::protobuf::MessageLite* response);

 private:
  explicit Channel(std::shared_ptr<ChannelCore> core);
  std::shared_ptr<ChannelCore> core_;
};

}  // namespace homa::rpc
