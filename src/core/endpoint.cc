#include "core/endpoint.h"

#include <algorithm>

#include "core/config_fields.h"
#include "core/control_packets.h"
#include "core/data_packets.h"
#include "core/endpoint_state.h"
#include "core/identities.h"
#include "core/lifetimes.h"
#include "core/relief.h"
#include "core/strangers.h"
#include "core/timeouts.h"
#include "core/transmitter.h"

namespace homa::core {

// Puts the parts together. Each uses those above it only.
class Endpoint::Impl {
 public:
  Impl(const CoreConfig& config, std::uint64_t seed, trace::Recorder& recorder)
      : state(config, seed, recorder),
        transmitter(state),
        strangers(state),
        lifetimes(state, transmitter, strangers),
        relief(state, strangers, lifetimes),
        timeouts(state, strangers, lifetimes),
        identities(state, transmitter, strangers, lifetimes, timeouts),
        data(state, strangers, lifetimes, timeouts, identities),
        control(state, transmitter, strangers, lifetimes, timeouts, identities) {}

  RxOutcome on_packet(Time now, const RxPacket& packet) {
    state.now = now;
    trace::add(state.counters.packets_received);
    if (!packet.same_host) timeouts.packet_came(now, packet.bytes.size());
    return wire::is_data(packet.bytes) ? data.on_packet(now, packet)
                                       : control.on_packet(now, packet);
  }

  void on_time(Time now) {
    state.now = now;
    if (state.admission.closing() != nullptr) lifetimes.close_step(now);
    timeouts.on_time(now);
    if (recomputes_cutoffs() && now >= next_cutoffs) recompute_cutoffs(now);
    relief.on_time(now);
  }

  Time next_deadline() const {
    if (!state.controls.empty() || state.admission.closing() != nullptr ||
        lifetimes.serves_accounts()) {
      return state.now;
    }
    Time deadline = std::min(state.timers.next_deadline(), transmitter.next_deadline());
    if (recomputes_cutoffs()) deadline = std::min(deadline, next_cutoffs);
    return std::min(deadline, state.accounts.pressure().deadline(state.now));
  }

  bool recomputes_cutoffs() const { return state.config.cutoff_interval > Duration::zero(); }
  void recompute_cutoffs(Time now) {
    next_cutoffs = now + state.config.cutoff_interval;
    if (state.priorities.recompute(state.config.cutoff_messages_min)) {
      trace::add(state.counters.cutoffs_recomputed);
    }
  }

  EndpointState state;
  Transmitter transmitter;
  Strangers strangers;
  Lifetimes lifetimes;
  Relief relief;
  Timeouts timeouts;
  Identities identities;
  DataPackets data;
  ControlPackets control;
  Time next_cutoffs{};  // when they are recomputed next, if at all
};

Endpoint::Endpoint(const CoreConfig& config, std::uint64_t seed, trace::Recorder& recorder)
    : impl_(std::make_unique<Impl>(config, seed, recorder)) {}
Endpoint::~Endpoint() = default;

RxOutcome Endpoint::on_packet(Time now, const RxPacket& packet) {
  return impl_->on_packet(now, packet);
}
void Endpoint::on_unreachable(Time now, const Unreachable& what) {
  impl_->control.on_unreachable(now, what);
}
void Endpoint::on_time(Time now) { impl_->on_time(now); }
std::optional<Address> Endpoint::poll_path_question() {
  return impl_->transmitter.path_questions().next();
}
void Endpoint::on_path(Time now, const PathInfo& path) { impl_->transmitter.on_path(now, path); }
void Endpoint::on_paths_changed() { impl_->transmitter.path_questions().paths_changed(); }
void Endpoint::on_too_big(Time now, const Address& peer, std::span<const std::byte> quoted) {
  impl_->transmitter.on_too_big(now, peer, quoted);
}
Result<AccountId, ErrorCode> Endpoint::open_account(const AccountLimits& limits) {
  return impl_->lifetimes.open_account(limits);
}
void Endpoint::set_memory_total(std::uint64_t bytes) {
  impl_->state.accounts.pressure().set_total(bytes);
}
Result<AccountId, ErrorCode> Endpoint::open_account_without_memory() {
  AccountLimits limits;
  limits.receive_bytes = BufferPool::kMemoryFollows;
  return impl_->lifetimes.open_account(limits);
}
void Endpoint::give_memory(Time now, AccountId account, std::uint64_t receive_bytes) {
  impl_->lifetimes.give_memory(now, account, receive_bytes);
}
void Endpoint::close_account(Time now, AccountId account) {
  impl_->lifetimes.close_account(now, account);
}
Result<Port, ErrorCode> Endpoint::open_port(Port port, AccountId account) {
  return impl_->lifetimes.open_port(port, account);
}
void Endpoint::close_port(Time now, Port port) { impl_->lifetimes.close_port(now, port); }
void Endpoint::stop_accepting(Port port) { impl_->lifetimes.stop_accepting(port); }
void Endpoint::announce_above(Port port, std::uint32_t bytes) {
  impl_->lifetimes.announce_above(port, bytes);
}
Result<void, ErrorCode> Endpoint::decide(Time now, RpcId rpc, ErrorCode refusal) {
  return impl_->data.decide(now, rpc, refusal);
}
Result<RpcId, ErrorCode> Endpoint::start(Time now, const Request& request) {
  return impl_->lifetimes.start(now, request);
}
Result<void, ErrorCode> Endpoint::reply(Time now, RpcId rpc, std::uint32_t length,
                                        TransmitToken transmit_token, std::uint32_t pending) {
  return impl_->lifetimes.reply(now, rpc, length, transmit_token, pending);
}
Result<void, ErrorCode> Endpoint::supply(Time now, RpcId rpc, std::uint32_t bytes) {
  return impl_->lifetimes.supply(now, rpc, bytes);
}
Result<void, ErrorCode> Endpoint::abort(Time now, RpcId rpc, ErrorCode code, bool report) {
  return impl_->lifetimes.abort(now, rpc, code, report);
}
bool Endpoint::release(Time now, AccountId account, BufferOffset buffer, std::uint32_t length) {
  return impl_->lifetimes.release(now, account, buffer, length);
}
std::size_t Endpoint::poll_transmit(Time now, const LinkFeedback& link, std::span<TxPacket> out) {
  return impl_->transmitter.transmit(now, link, out);
}
bool Endpoint::transmits() const { return impl_->transmitter.ready(); }

std::size_t Endpoint::short_messages_waiting() const {
  return impl_->transmitter.short_messages_waiting();
}

bool Endpoint::awaits_short() const { return impl_->lifetimes.awaits_short(); }
std::optional<Event> Endpoint::poll_event() { return impl_->state.events.next(); }
Time Endpoint::next_deadline() const { return impl_->next_deadline(); }
void Endpoint::begin_memory_pass(AccountId id) {
  if (Account* account = impl_->state.accounts.find(id)) account->pool.begin_pass();
}
UnusedMemory Endpoint::memory_pass_step(AccountId id, std::uint64_t bytes_max) {
  Account* account = impl_->state.accounts.find(id);
  return account == nullptr ? UnusedMemory{} : account->pool.pass_step(bytes_max);
}

const CoreConfig& Endpoint::config() const { return impl_->state.config; }
Result<void, Error> Endpoint::set_parameter(std::string_view name, std::string_view value) {
  return change_field(impl_->state.config, name, value);
}
Identity Endpoint::identity_towards(const Address& peer) const {
  return impl_->state.peers.self_towards(peer);
}
std::size_t Endpoint::rpcs_in_progress() const { return impl_->state.rpcs.size(); }
std::size_t Endpoint::peers() const { return impl_->state.peers.size(); }
std::uint64_t Endpoint::receive_region_used() const {
  return impl_->state.accounts.pressure().receive_bytes();
}
bool Endpoint::receive_memory_is_short() const {
  return impl_->state.accounts.pressure().crowded();
}
PressureLevel Endpoint::pressure() const { return impl_->state.accounts.pressure().level(); }
MemoryUse Endpoint::memory_use(AccountId id) const {
  const Account* const account = impl_->state.accounts.find(id);
  return account == nullptr ? MemoryUse{} : account->memory;
}
std::uint64_t Endpoint::remedies() const { return impl_->state.remedies; }
std::uint64_t Endpoint::granted_not_received() const { return impl_->state.grants.incoming(); }

void Endpoint::set_starting(bool starting) { impl_->state.admission.set_starting(starting); }

std::uint32_t Endpoint::rpcs(std::uint32_t first, std::uint32_t count,
                             std::vector<RpcInfo>& infos) const {
  const std::uint32_t slots = impl_->state.rpcs.slots();
  const std::uint32_t begin = std::min(first, slots);
  const std::uint32_t end = begin + std::min(count, slots - begin);
  impl_->state.rpcs.for_each_of(
      begin, end, [&](const Rpc& rpc) { infos.push_back(impl_->lifetimes.info(rpc)); });
  return end < slots ? end : 0;
}

std::optional<RpcInfo> Endpoint::rpc(RpcId id) const {
  const Rpc* found = impl_->state.rpcs.find(id);
  return found == nullptr ? std::nullopt : std::optional(impl_->lifetimes.info(*found));
}

}  // namespace homa::core
