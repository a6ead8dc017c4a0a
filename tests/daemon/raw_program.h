// A program that speaks homad's protocol by itself, as no library of ours would: it can share what
// memory it likes, write what it likes into it, and say things at the wrong time.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/local_socket.h"
#include "base/mapping.h"
#include "channel/control.h"
#include "channel/doorbell.h"
#include "channel/region.h"

namespace homa::testing {

class RawProgram {
 public:
  explicit RawProgram(std::string path) : path_(std::move(path)) { reconnect(); }

  // A connection anew; the one before ends.
  bool reconnect() {
    const auto address = base::local_address(path_).value();
    socket_ = base::Descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    return ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
           0;
  }
  // What homad answers; nullopt: it closed the connection, or said nothing for 20 s.
  std::optional<channel::ControlMessage> ask(channel::ControlKind kind,
                                             std::span<const int> descriptors = {},
                                             std::uint16_t port = 0,
                                             std::uint64_t bytes = kReceiveBytes) const {
    channel::ControlHead head;
    head.kind = kind;
    head.receive_bytes = bytes;
    head.engine.port = port;
    return ask(head, descriptors);
  }
  std::optional<channel::ControlMessage> ask(const channel::ControlHead& head,
                                             std::span<const int> descriptors = {}) const {
    if (!channel::send_control(socket_.get(), head, {}, descriptors)) return std::nullopt;
    return next_answer();
  }
  std::optional<channel::ControlMessage> next_answer() const {
    for (;;) {
      pollfd waiting{socket_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 20'000) != 1) return std::nullopt;
      auto received = channel::receive_control(socket_.get());
      if (!received) return std::nullopt;
      if (*received) return std::move(**received);
    }
  }
  // Says hello and shares a doorbell and receive memory. False: homad does not want it.
  bool attach() {
    auto welcome = ask(channel::ControlKind::kHello);
    if (!welcome || welcome->descriptors.size() != 2) return false;
    state_ = std::move(welcome->descriptors[0]);
    wake_ = std::move(welcome->descriptors[1]);
    const std::array<int, 2> both{doorbell_.descriptor(), receive_.descriptor()};
    const auto shared = ask(channel::ControlKind::kMemory, both);
    return shared && shared->head.kind == channel::ControlKind::kDone;
  }
  // A channel that may open `port` (0: a client's), which it does not do yet. nullptr: refused.
  std::shared_ptr<channel::Region> open_channel(std::uint16_t port) {
    channel::ChannelConfig config;
    config.submission_entries = 256;
    config.completion_entries = 256;
    config.transmit_bytes = 1 << 20;
    auto region = channel::Region::create_shared(config);
    if (!region) return nullptr;
    const std::array<int, 1> memory{(*region)->memory().descriptor()};
    const auto opened = ask(channel::ControlKind::kOpen, memory, port);
    if (!opened || opened->head.kind != channel::ControlKind::kDone) return nullptr;
    number_ = opened->head.channel;
    return std::move(region).value();
  }
  // Puts a submission behind the others, room or not, and rings.
  void submit(channel::Region& region, const channel::Submission& submission) {
    channel::Header& header = region.header();
    const std::uint64_t tail = header.submission_tail.load();
    region.submissions()[tail % region.submissions().size()] = submission;
    header.submission_tail.store(tail + 1);
    ring();
  }
  bool has_room(const channel::Region& region) const {
    const channel::Header& header = region.header();
    return header.submission_tail.load() - header.submission_head.load() <
           region.submissions().size();
  }
  void ring() {
    channel::Doorbell& bell = doorbell();
    bell.words[number_ / 64 % channel::Doorbell::kWords].fetch_or(std::uint64_t{1} << number_ % 64);
    bell.rung.fetch_or(std::uint64_t{1} << number_ / 64 % channel::Doorbell::kWords);
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_.get(), &one, sizeof(one)) == 8);
  }

  channel::Doorbell& doorbell() const {
    return *reinterpret_cast<channel::Doorbell*>(doorbell_.bytes().data());
  }
  const base::Mapping& doorbell_memory() const { return doorbell_; }
  const base::Mapping& receive_memory() const { return receive_; }
  int socket() const { return socket_.get(); }
  int wake() const { return wake_.get(); }
  int state() const { return state_.get(); }
  std::uint32_t channel_number() const { return number_; }

 private:
  static constexpr std::uint64_t kReceiveBytes = 4 << 20;

  std::string path_;
  base::Descriptor socket_, state_, wake_;
  std::uint32_t number_ = 0;
  base::Mapping doorbell_ = base::Mapping::create_populated(sizeof(channel::Doorbell)).value();
  base::Mapping receive_ = base::Mapping::create_populated(kReceiveBytes).value();
};

}  // namespace homa::testing
