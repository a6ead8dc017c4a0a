// What belongs to one call beside its messages: deadline, metadata, cancellation.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>

#include "homa/address.h"
#include "homa/rpc/metadata.h"
#include "homa/socket.h"

namespace homa::rpc {

using Clock = std::chrono::steady_clock;

class ServerStreamEnd;

// Of a call as its client makes it: one for each call, and alive until the call has ended. Thread:
// one at a time.
class ClientContext {
 public:
  // Without one, the channel's ChannelOptions::timeout. The server learns how much is left.
  void set_timeout(std::chrono::nanoseconds timeout) { deadline_ = Clock::now() + timeout; }
  void set_deadline(Clock::time_point deadline) { deadline_ = deadline; }
  std::optional<Clock::time_point> deadline() const { return deadline_; }

  // When a stop is requested, the call ends with kCancelled, and the server learns of it.
  void set_stop(std::stop_token stop) { stop_ = std::move(stop); }
  const std::stop_token& stop() const { return stop_; }

  // What is sent with the request.
  Metadata& metadata() { return metadata_; }
  const Metadata& metadata() const { return metadata_; }
  // What came with the response, and from whom, once the call has ended.
  const Metadata& response_metadata() const { return response_metadata_; }
  const SocketAddress& peer() const { return peer_; }
  unsigned attempts() const { return attempts_; }  // servers that were asked

 private:
  friend class ChannelCore;
  friend class ClientStreamEnd;
  std::optional<Clock::time_point> deadline_;
  std::stop_token stop_;
  Metadata metadata_, response_metadata_;
  SocketAddress peer_;
  unsigned attempts_ = 0;
};

// Of a call as its handler sees it. Alive until the call is finished. Thread: one at a time.
class ServerContext {
 public:
  const SocketAddress& peer() const { return peer_; }
  // What the client sent, decoded at each call.
  Metadata metadata() const;
  // What is to be sent with the response.
  Metadata& response_metadata() { return response_metadata_; }
  const Metadata& response_metadata() const { return response_metadata_; }

  // Until when the client waits; nullopt: it said nothing.
  std::optional<Clock::time_point> deadline() const { return deadline_; }
  // Nobody waits for the answer any more: the deadline has passed, or the client gave up or is
  // gone. A handler that takes long asks now and then.
  bool is_cancelled() const;

 private:
  friend class ServerCall;
  friend class ServerCore;
  friend class ServerStreamEnd;
  Socket* socket_ = nullptr;
  ServerStreamEnd* stream_ = nullptr;  // of a call with streams
  RpcHandle rpc_ = 0;
  SocketAddress peer_;
  std::span<const std::byte> encoded_metadata_;
  std::optional<Clock::time_point> deadline_;
  Clock::time_point began_ = Clock::now();
  Metadata response_metadata_;
};

}  // namespace homa::rpc
