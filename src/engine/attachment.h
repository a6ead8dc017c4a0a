// A channel as its engine keeps it: its ports, its RPCs by handle, and what it still owes or holds.
//
// Everything that comes out of the channel is checked here before the endpoint sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "channel/engine_end.h"
#include "core/endpoint.h"
#include "engine/port_owners.h"
#include "engine/program.h"
#include "engine/published.h"
#include "engine/started_table.h"

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
  Program& program;
  Published& published;
  PortOwners& ports;
  std::uint32_t scope;  // our device for link-local addresses that name none
  // The only port that may be opened (0: any free client's); not set: any.
  std::optional<std::uint16_t> port = std::nullopt;
  std::uint64_t* incidents = nullptr;  // of all programs; grows with each
};

class Attachment {
 public:
  Attachment(const AttachmentContext& context, std::shared_ptr<channel::Region> region,
             std::uint16_t index);

  // Takes up to `at_most` submissions; returns how many there were. One that takes long counts as
  // several.
  std::size_t take_submissions(Time now, std::size_t at_most);
  // A step would find something to do here.
  bool has_work();

  void on_request(const core::Event& event);
  // False: there is no memory to remember it.
  bool on_head(const core::Event& event);
  void on_response(const core::Event& event);
  void on_failed(const core::Event& event);
  void on_transmit_done(std::uint64_t offset);

  // From now on the channel may open this port, and no other, beside what it has.
  void permit_port(std::uint16_t port) { context_.port = port; }
  // The application asked for a port: open() when those that are ending() have ended.
  bool opening() const { return state_ == State::kOpening; }
  void open();
  // Opens AttachmentContext::port without having been asked.
  Result<Port, ErrorCode> open_at_once();
  // The application is gone, whatever its channel says.
  void abandon() { abandoned_ = true; }
  // The application asked for close(), or has left its channel or broken it: end(), after
  // everything that was taken from it so far has been sent.
  bool ending() const { return state_ == State::kClosing || state_ == State::kLeaving || left(); }
  // Closes, or takes back a part of what the application held that is gone. How much that was: at
  // most `at_most` (> 0).
  std::size_t end(Time now, std::size_t at_most);
  // Ends every RPC and frees the ports; completions but kTransmitDone end.
  void close(Time now);
  // Nothing is left: neither the application nor the endpoint refers to the channel.
  bool ended() const { return state_ == State::kLeft && transmits_ == 0; }

  channel::EngineEnd& channel() { return channel_; }
  Program& program() { return context_.program; }
  std::span<const std::byte> transmit(std::uint64_t offset, std::uint32_t length) const;

 private:
  enum class State : std::uint8_t {
    kUnbound,  // no port was asked for yet
    kOpening,  // open() is to follow
    kOpen,
    kClosing,  // close() is to follow
    kClosed,   // the application may still release messages and take back transmit memory
    kLeaving,  // the application is gone: what it held is taken back, step by step
    kLeft,     // the endpoint may still refer to its transmit memory
  };
  struct Status {  // that is being written
    channel::Submission request;
    std::uint32_t next = 0;  // place in the endpoint's table
    std::size_t bytes = 0;   // written
  };

  std::size_t take_some(Time now, std::size_t at_most);
  void take(Time now, const channel::Submission& submission);
  void send(Time now, const channel::Submission& submission);
  void reply(Time now, const channel::Submission& submission);
  void supply(Time now, const channel::Submission& submission);
  void abort(Time now, const channel::Submission& submission);
  void release(Time now, const channel::Submission& submission);
  void announce(const channel::Submission& submission);
  void decide(Time now, const channel::Submission& submission);
  // The application has done with a head. False: it was shown none of this request.
  bool end_head(Time now, std::uint64_t handle, ErrorCode refusal);
  void ask_for_port(const channel::Submission& submission);
  void ask_for_close();
  void begin_status(const channel::Submission& submission);
  void continue_status();
  channel::StatusRecord record_of(const core::RpcInfo& info);
  void refuse();
  void note(std::uint64_t Incidents::*incident);
  void fail(const channel::Submission& submission, ErrorCode code);
  void answer_open(std::uint64_t tag, Result<Port, ErrorCode> opened);
  void deliver(channel::CompletionKind kind, std::uint64_t handle, const core::Event& event);
  std::optional<Port> source_port();
  Result<Port, ErrorCode> open_port(Port port);
  bool serves(RpcId rpc) const;
  void forget(Started& started);
  // The application is gone, and nothing was done about it yet.
  bool left() const {
    return state_ < State::kLeaving &&
           (abandoned_ || channel_.application_gone() || channel_.broken());
  }
  std::size_t leave(Time now, std::size_t at_most);

  AttachmentContext context_;
  channel::EngineEnd channel_;
  std::uint16_t index_;
  bool abandoned_ = false;
  State state_ = State::kUnbound;
  std::optional<Port> port_;          // the one that the application opened
  std::optional<Port> client_port_;   // a server's, once it sends requests of its own
  std::uint16_t port_asked_ = 0;      // kOpening
  std::uint64_t open_tag_ = 0;        // kOpening
  std::size_t last_submissions_ = 0;  // kLeaving: at most so many are still taken
  StartedTable started_;
  std::optional<Status> status_;
  std::size_t transmits_ = 0;           // blocks that the endpoint refers to
  ReceiveRegion::HeldBuffers buffers_;  // that the application holds
  // Where the requests lie whose heads the application was shown, by handle, until it decides.
  std::unordered_map<std::uint64_t, ReceiveRegion::Buffer> heads_;
};

}  // namespace homa::engine
