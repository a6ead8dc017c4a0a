// A channel as its engine keeps it: its ports, its RPCs by handle, and what it still owes or holds.
//
// Everything that comes out of the channel is checked here before the endpoint sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "channel/engine_end.h"
#include "core/endpoint.h"
#include "engine/receive_region.h"
#include "trace/trace.h"

namespace homa::engine {

// Names a block of transmit memory of a channel for the endpoint.
constexpr unsigned kTokenOffsetBits = 48;
constexpr core::TransmitToken make_token(std::uint16_t channel, std::uint64_t offset) {
  return core::TransmitToken{std::uint64_t{channel} << kTokenOffsetBits | offset};
}
constexpr std::uint16_t channel_of(core::TransmitToken token) {
  return static_cast<std::uint16_t>(raw(token) >> kTokenOffsetBits);
}
constexpr std::uint64_t offset_of(core::TransmitToken token) {
  return raw(token) & ((std::uint64_t{1} << kTokenOffsetBits) - 1);
}

struct AttachmentContext {
  core::Endpoint& endpoint;
  ReceiveRegion& receive;
  trace::Counters& counters;
};

class Attachment {
 public:
  Attachment(const AttachmentContext& context, std::shared_ptr<channel::Region> region,
             std::uint16_t index, std::vector<std::uint16_t>& channel_by_port);

  // Takes up to `at_most` submissions; returns how many there were.
  std::size_t take_submissions(Time now, std::size_t at_most);

  void on_request(const core::Event& event);
  void on_response(const core::Event& event);
  void on_failed(const core::Event& event);
  void on_transmit_done(std::uint64_t offset);

  // The application asked for a port: open() when those that are closing() have been closed.
  bool opening() const { return opening_.has_value(); }
  void open();
  // The application asked for close().
  bool closing() const { return closing_; }
  // Ends every RPC and frees the ports; completions but kTransmitDone end.
  void close(Time now);
  // The application has left its channel, or broke it, and drop() has not been called.
  bool gone() const { return !dropped_ && (end_.application_gone() || end_.broken()); }
  // For a channel that is gone(): closes, and takes back what it holds.
  void drop(Time now);
  bool dropped() const { return dropped_; }
  // Dropped, and the endpoint refers to its transmit memory no more.
  bool finished() const { return dropped_ && transmits_ == 0; }

  channel::EngineEnd& end() { return end_; }
  std::span<const std::byte> transmit(std::uint64_t offset, std::uint32_t length) const;

 private:
  struct Started {  // an RPC of the channel's own, by its slot
    std::uint64_t handle = 0;
    RpcId rpc = kNoRpc;
  };

  void take(Time now, const channel::Submission& submission);
  void send(Time now, const channel::Submission& submission);
  void reply(Time now, const channel::Submission& submission);
  void supply(Time now, const channel::Submission& submission);
  void abort(Time now, const channel::Submission& submission);
  void release(Time now, const channel::Submission& submission);
  void status(const channel::Submission& submission);
  void append_status(Port port, std::vector<channel::StatusRecord>& records) const;
  void refuse() { trace::add(context_.counters.submissions_refused); }
  void fail(const channel::Submission& submission, ErrorCode code);
  void deliver(channel::CompletionKind kind, std::uint64_t handle, const core::Event& event);
  std::optional<Port> source_port();
  Result<Port, ErrorCode> open_port(Port port);
  bool serves(RpcId rpc) const;
  Started* started(std::uint64_t handle);

  AttachmentContext context_;
  channel::EngineEnd end_;
  std::uint16_t index_;
  std::vector<std::uint16_t>& channel_by_port_;  // 1 + index
  std::optional<Port> port_;                     // the one that the application opened
  std::optional<Port> client_port_;              // a server's, once it sends requests of its own
  std::vector<Started> started_;
  std::size_t transmits_ = 0;  // blocks that the endpoint refers to
  std::size_t buffers_ = 0;    // that the application holds
  std::optional<channel::Submission> opening_;
  bool closing_ = false;
  bool closed_ = false;
  bool dropped_ = false;
};

using Attachments = std::vector<std::unique_ptr<Attachment>>;

}  // namespace homa::engine
