// Streams: many messages in one call, from the client, from the server, or both ways.
//
// A stream is a window of RPCs (docs/rpc.md#streams). A message that is written waits until the
// other side reads it: at most kStreamWindow messages are on their way in each direction.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <memory>
#include <utility>

#include "homa/rpc/context.h"
#include "homa/rpc/status.h"

namespace homa::rpc {

inline constexpr std::size_t kStreamWindow = 16;

// The client's end, without the types of its messages. Threads: one may read while another writes;
// cancel() by any.
class ClientStreamCore {
 public:
  virtual ~ClientStreamCore() = default;  // cancels a stream that has not ended
  virtual bool write(const google::protobuf::MessageLite& message) = 0;
  virtual bool writes_done() = 0;
  virtual bool read(google::protobuf::MessageLite* message) = 0;
  virtual Status finish() = 0;
  virtual void cancel() = 0;
};

template <typename Request, typename Response>
class ClientStream {
 public:
  explicit ClientStream(std::unique_ptr<ClientStreamCore> core) : core_(std::move(core)) {}

  // Sends a message; waits while the window is full. False: the stream has ended; finish() says
  // how.
  bool write(const Request& message) { return core_->write(message); }
  // There are no further messages from this side.
  bool writes_done() { return core_->writes_done(); }
  // Waits for the next message. False: there is none any more; finish() says why.
  bool read(Response* message) { return core_->read(message); }
  // Waits for the stream's end, drops messages that were not read, and says how it ended.
  Status finish() { return core_->finish(); }
  // The same of a stream with one response: kInternal if it did not come.
  Status finish(Response* response) {
    core_->writes_done();
    const bool came = core_->read(response);
    Status status = core_->finish();
    if (status.ok() && !came) return {StatusCode::kInternal, "the response did not come"};
    return status;
  }
  // Ends the stream with kCancelled; the server learns of it.
  void cancel() { core_->cancel(); }

 private:
  std::unique_ptr<ClientStreamCore> core_;
};

// The server's end. Threads: one may read while another writes.
class ServerStreamCore {
 public:
  virtual ~ServerStreamCore() = default;
  virtual bool read(google::protobuf::MessageLite* message) = 0;
  virtual bool write(const google::protobuf::MessageLite& message) = 0;
};

template <typename Request, typename Response>
class ServerStream {
 public:
  explicit ServerStream(ServerStreamCore& core) : core_(&core) {}

  // Waits for the client's next message. False: it has no further one, or is gone
  // (ServerContext::is_cancelled()).
  bool read(Request* message) { return core_->read(message); }
  // Sends a message; waits while the client has not read the ones before. False: the client gave up
  // or is gone.
  bool write(const Response& message) { return core_->write(message); }

 private:
  ServerStreamCore* core_;
};

}  // namespace homa::rpc
