#include "support/virtual_network.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace homa::test {
namespace {

// More calls than this at one instant, and the endpoint goes in circles.
constexpr int kPumpsMax = 100'000;
constexpr std::size_t kViolationsKept = 20;

}  // namespace

VirtualNetwork::VirtualNetwork(const NetworkConfig& config, Application& application,
                               Observer* observer)
    : config_(config), application_(application), observer_(observer), random_(config.seed) {
  hosts_.resize(config.hosts);
  for (HostIndex host = 0; host < hosts_.size(); ++host) {
    hosts_[host].address = address(host);
    boot(hosts_[host]);
  }
}

void VirtualNetwork::boot(Host& host) {
  host.endpoint.reset();  // before the recorder it writes to
  host.recorder = std::make_unique<trace::Recorder>();
  host.endpoint = std::make_unique<core::Endpoint>(config_.core, random_.next(), *host.recorder);
  host.region.reset(new std::byte[config_.core.receive_region_bytes]);
  host.transmit.clear();
  host.wake_at = kNever;
}

Address VirtualNetwork::address(HostIndex host) {
  return Address::v4(10, 0, static_cast<std::uint8_t>(host >> 8),
                     static_cast<std::uint8_t>(host & 0xff));
}

HostIndex VirtualNetwork::host_of(const Address& address) {
  return static_cast<HostIndex>(address.ip[14]) << 8 | address.ip[15];
}

void VirtualNetwork::set_address(HostIndex host, const Address& address) {
  hosts_[host].address = address;
  addresses_change_ = true;
}

void VirtualNetwork::add_address(HostIndex host, const Address& address) {
  hosts_[host].other_address = address;
}

Address VirtualNetwork::source_of(HostIndex host) {
  const Host& h = hosts_[host];
  return h.other_address && random_.chance(0.5) ? *h.other_address : h.address;
}

void VirtualNetwork::violation(const std::string& what) {
  if (violations_.size() >= kViolationsKept) return;
  violations_.push_back("at " + std::to_string(now_.time_since_epoch().count()) + " ns: " + what);
}

void VirtualNetwork::schedule(Time when, std::function<void()> action) {
  due_.push(Due{std::max(when, now_), order_++, std::move(action)});
}

void VirtualNetwork::at(Time when, std::function<void()> action) {
  schedule(when, [this, action = std::move(action)] {
    action();
    for (HostIndex host = 0; host < hosts_.size(); ++host) pump(host);
  });
}

Result<RpcId, ErrorCode> VirtualNetwork::start(HostIndex host, core::Request request,
                                               std::vector<std::byte> bytes) {
  Host& h = hosts_[host];
  request.transmit_token = core::TransmitToken{h.next_token++};
  request.length = static_cast<std::uint32_t>(bytes.size());
  const auto rpc = h.endpoint->start(now_, request);
  if (rpc) h.transmit[request.transmit_token] = std::move(bytes);
  return rpc;
}

Result<void, ErrorCode> VirtualNetwork::reply(HostIndex host, RpcId rpc,
                                              std::vector<std::byte> bytes) {
  Host& h = hosts_[host];
  const core::TransmitToken token{h.next_token++};
  const auto result = h.endpoint->reply(now_, rpc, static_cast<std::uint32_t>(bytes.size()), token);
  if (result) h.transmit[token] = std::move(bytes);
  return result;
}

void VirtualNetwork::release(HostIndex host, const core::Event& event) {
  Host& h = hosts_[host];
  std::memset(h.region.get() + raw(event.buffer), 0xdd, event.length);
  if (!h.endpoint->release(now_, event.account, event.buffer, event.length)) {
    violation("a buffer that was delivered cannot be released");
  }
}

void VirtualNetwork::restart(HostIndex host) { boot(hosts_[host]); }

void VirtualNetwork::set_path(std::uint32_t bytes, bool told) {
  path_tells_ = told;
  const bool wider = bytes > path_bytes_;
  path_bytes_ = bytes;
  if (!told || !wider) return;
  known_path_bytes_ = bytes;
  for (Host& host : hosts_) host.endpoint->on_paths_changed();
}

void VirtualNetwork::answer_path_questions(core::Endpoint& endpoint) {
  while (const auto peer = endpoint.poll_path_question()) {
    endpoint.on_path(now_, {*peer, known_path_bytes_});
  }
}

void VirtualNetwork::tell_too_big(HostIndex from, HostIndex to,
                                  const std::vector<std::byte>& packet) {
  const auto told = [this, from, to, packet, bytes = path_bytes_] {
    known_path_bytes_ = bytes;
    core::Endpoint& endpoint = *hosts_[from].endpoint;
    endpoint.on_path(now_, {address(to), bytes});
    endpoint.on_too_big(now_, address(to), packet);
    pump(from);
  };
  schedule(now_ + config_.delay, told);
}

void VirtualNetwork::run(Time until) {
  int at_this_time = 0;
  while (!due_.empty() && due_.top().time <= until) {
    Due due = due_.top();
    due_.pop();
    at_this_time = due.time == now_ ? at_this_time + 1 : 0;
    if (at_this_time > kPumpsMax) {
      violation("time stands still: a deadline that comes again and again");
      return;
    }
    now_ = due.time;
    due.action();
  }
  now_ = std::max(now_, until == kNever ? now_ : until);
}

void VirtualNetwork::pump(HostIndex host) {
  int pumps = 0;
  while (drain_events(host) | transmit(host)) {
    if (++pumps > kPumpsMax) {
      violation("host " + std::to_string(host) + " never comes to rest");
      return;
    }
  }
  Host& h = hosts_[host];
  const Time deadline = h.endpoint->next_deadline();
  if (deadline == kNever || deadline >= h.wake_at) return;
  h.wake_at = std::max(deadline, now_);
  schedule(h.wake_at, [this, host, when = h.wake_at] {
    Host& woken = hosts_[host];
    if (woken.wake_at == when) woken.wake_at = kNever;
    woken.endpoint->on_time(now_);
    pump(host);
  });
}

bool VirtualNetwork::drain_events(HostIndex host) {
  Host& h = hosts_[host];
  bool any = false;
  while (const auto event = h.endpoint->poll_event()) {
    any = true;
    if (event->kind == core::Event::Kind::kTransmitDone) {
      if (h.transmit.erase(event->transmit_token) == 0) {
        violation("kTransmitDone for a token that is not in use");
      }
      continue;
    }
    const bool is_head = event->kind == core::Event::Kind::kHead;
    const bool has_bytes = is_head || event->kind == core::Event::Kind::kRequest ||
                           event->kind == core::Event::Kind::kResponse;
    if (has_bytes && raw(event->buffer) + event->length > config_.core.receive_region_bytes) {
      violation("a message outside of the receive region");
      continue;
    }
    application_.on_event(*this, host, *event,
                          has_bytes ? std::span(h.region.get() + raw(event->buffer),
                                                is_head ? event->received : event->length)
                                    : std::span<const std::byte>());
  }
  return any;
}

bool VirtualNetwork::transmit(HostIndex host) {
  answer_path_questions(*hosts_[host].endpoint);
  std::array<core::TxPacket, 16> packets;
  const std::size_t count =
      hosts_[host].endpoint->poll_transmit(now_, core::LinkFeedback{}, packets);
  for (std::size_t i = 0; i < count; ++i) put_on_link(host, packets[i]);
  return count > 0;
}

void VirtualNetwork::put_on_link(HostIndex from, const core::TxPacket& packet) {
  std::vector<std::byte> bytes(packet.header.begin(), packet.header.begin() + packet.header_length);
  if (packet.payload_length > 0) {
    const auto message = hosts_[from].transmit.find(packet.transmit_token);
    if (message == hosts_[from].transmit.end() ||
        packet.payload_offset + packet.payload_length > message->second.size()) {
      violation("host " + std::to_string(from) + " sends bytes of a message that is not there");
      return;
    }
    const auto begin = message->second.begin() + packet.payload_offset;
    bytes.insert(bytes.end(), begin, begin + packet.payload_length);
  }
  ++packets_sent_;
  const auto mix = [this](std::uint64_t value) {
    trace_hash_ = (trace_hash_ ^ value) * 0x100000001b3ULL;
  };
  mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  mix(from);
  mix(packet.priority);
  for (const std::byte b : bytes) mix(std::to_integer<std::uint64_t>(b));

  bool reached = false;
  for (HostIndex to = 0; to < hosts_.size(); ++to) {
    if (!hosts_[to].is_at(packet.destination)) continue;
    reached = true;
    send(from, to, bytes);
  }
  if (!reached && !addresses_change_) violation("a packet to an address that is no host's");
}

void VirtualNetwork::send(HostIndex from, HostIndex to, const std::vector<std::byte>& bytes) {
  if (observer_ != nullptr) observer_->on_sent(*this, from, to, bytes);
  if (bytes.size() > path_bytes_) {
    if (path_tells_) tell_too_big(from, to, bytes);
    return;
  }
  const bool faults = now_ < config_.faults_end;
  int copies = 1;
  if (faults && random_.chance(config_.loss)) copies = 0;
  if (faults && random_.chance(config_.duplication)) ++copies;
  for (; copies > 0; --copies) {
    Duration delay = config_.delay;
    if (faults && random_.chance(config_.reordering)) {
      const auto most = static_cast<std::uint64_t>(config_.reorder_delay_max.count());
      delay += Duration(static_cast<std::int64_t>(random_.below(most + 1)));
    }
    schedule(now_ + delay, [this, from, to, source = source_of(from), bytes] {
      arrive(from, to, source, bytes);
    });
  }
}

void VirtualNetwork::arrive(HostIndex from, HostIndex to, const Address& source,
                            const std::vector<std::byte>& packet) {
  if (hosts_[to].unplugged || hosts_[from].unplugged) return;
  const auto outcome = receive(to, source, packet);
  if (observer_ != nullptr) observer_->on_received(*this, to, from, packet, outcome);
  pump(to);
}

void VirtualNetwork::inject(HostIndex to, const Address& source,
                            std::span<const std::byte> packet) {
  receive(to, source, packet);
  pump(to);
}

core::RxOutcome VirtualNetwork::receive(HostIndex to, const Address& source,
                                        std::span<const std::byte> packet) {
  Host& h = hosts_[to];
  const auto outcome = h.endpoint->on_packet(now_, core::RxPacket{source, packet});
  if (outcome.kind == core::RxOutcome::Kind::kDeliver) {
    if (outcome.payload_offset + outcome.length > packet.size() ||
        raw(outcome.buffer) + outcome.length > config_.core.receive_region_bytes) {
      violation("payload to be delivered outside of its packet or region");
    } else {
      std::memcpy(h.region.get() + raw(outcome.buffer), packet.data() + outcome.payload_offset,
                  outcome.length);
    }
  }
  return outcome;
}

}  // namespace homa::test
