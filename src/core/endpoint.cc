#include "core/endpoint.h"

#include <algorithm>

#include "core/endpoint_impl.h"

namespace homa::core {

Endpoint::Endpoint(const CoreConfig& config, std::uint64_t seed, trace::Recorder& recorder)
    : impl_(std::make_unique<Impl>(config, seed, recorder)) {}
Endpoint::~Endpoint() = default;

RxOutcome Endpoint::on_packet(Time now, const RxPacket& packet) {
  return impl_->on_packet(now, packet);
}
void Endpoint::on_unreachable(Time now, const Unreachable& what) {
  impl_->on_unreachable(now, what);
}
void Endpoint::on_time(Time now) { impl_->on_time(now); }
std::optional<Address> Endpoint::poll_path_question() { return impl_->poll_path_question(); }
void Endpoint::on_path(Time now, const PathInfo& path) { impl_->on_path(now, path); }
void Endpoint::on_paths_changed() { impl_->on_paths_changed(); }
void Endpoint::on_too_big(Time now, const Address& peer, std::span<const std::byte> quoted) {
  impl_->on_too_big(now, peer, quoted);
}
Result<AccountId, ErrorCode> Endpoint::open_account(const AccountLimits& limits) {
  return impl_->open_account(limits);
}
void Endpoint::set_memory_total(std::uint64_t bytes) {
  impl_->accounts_.pressure().set_total(bytes);
}
Result<AccountId, ErrorCode> Endpoint::open_account_without_memory() {
  AccountLimits limits;
  limits.receive_bytes = BufferPool::kMemoryFollows;
  return impl_->open_account(limits);
}
void Endpoint::give_memory(Time now, AccountId account, std::uint64_t receive_bytes) {
  impl_->give_memory(now, account, receive_bytes);
}
void Endpoint::close_account(Time now, AccountId account) { impl_->close_account(now, account); }
Result<Port, ErrorCode> Endpoint::open_port(Port port, AccountId account) {
  return impl_->open_port(port, account);
}
void Endpoint::close_port(Time now, Port port) { impl_->close_port(now, port); }
void Endpoint::stop_accepting(Port port) { impl_->stop_accepting(port); }
Result<RpcId, ErrorCode> Endpoint::start(Time now, const Request& request) {
  return impl_->start(now, request);
}
Result<void, ErrorCode> Endpoint::reply(Time now, RpcId rpc, std::uint32_t length,
                                        TransmitToken transmit_token, std::uint32_t pending) {
  return impl_->reply(now, rpc, length, transmit_token, pending);
}
Result<void, ErrorCode> Endpoint::supply(Time now, RpcId rpc, std::uint32_t bytes) {
  return impl_->supply(now, rpc, bytes);
}
Result<void, ErrorCode> Endpoint::abort(Time now, RpcId rpc, ErrorCode code, bool report) {
  return impl_->abort(now, rpc, code, report);
}
bool Endpoint::release(Time now, AccountId account, BufferOffset buffer, std::uint32_t length) {
  return impl_->release(now, account, buffer, length);
}
std::size_t Endpoint::poll_transmit(Time now, const LinkFeedback& link, std::span<TxPacket> out) {
  return impl_->poll_transmit(now, link, out);
}
bool Endpoint::transmits() const { return impl_->transmits(); }

bool Endpoint::awaits_short() const { return impl_->awaits_short(); }
std::optional<Event> Endpoint::poll_event() { return impl_->poll_event(); }
Time Endpoint::next_deadline() const { return impl_->next_deadline(); }
void Endpoint::begin_memory_pass(AccountId id) {
  if (Account* account = impl_->accounts_.find(id)) account->pool.begin_pass();
}
UnusedMemory Endpoint::memory_pass_step(AccountId id, std::uint64_t bytes_max) {
  Account* account = impl_->accounts_.find(id);
  return account == nullptr ? UnusedMemory{} : account->pool.pass_step(bytes_max);
}

const CoreConfig& Endpoint::config() const { return impl_->config_; }
Identity Endpoint::identity_towards(const Address& peer) const {
  return impl_->peers_.self_towards(peer);
}
std::size_t Endpoint::rpcs_in_progress() const { return impl_->rpcs_.size(); }
std::size_t Endpoint::peers() const { return impl_->peers_.size(); }
std::uint64_t Endpoint::receive_region_used() const {
  return impl_->accounts_.pressure().receive_bytes();
}
bool Endpoint::receive_memory_is_short() const { return impl_->accounts_.pressure().crowded(); }
PressureLevel Endpoint::pressure() const { return impl_->accounts_.pressure().level(); }
MemoryUse Endpoint::memory_use(AccountId id) const {
  const Account* const account = impl_->accounts_.find(id);
  return account == nullptr ? MemoryUse{} : account->memory;
}
std::uint64_t Endpoint::remedies() const { return impl_->remedies_; }
std::uint64_t Endpoint::granted_not_received() const { return impl_->grants_.incoming(); }

void Endpoint::set_starting(bool starting) { impl_->admission_.set_starting(starting); }

std::uint32_t Endpoint::rpcs(std::uint32_t first, std::uint32_t count,
                             std::vector<RpcInfo>& infos) const {
  const std::uint32_t slots = impl_->rpcs_.slots();
  const std::uint32_t begin = std::min(first, slots);
  const std::uint32_t end = begin + std::min(count, slots - begin);
  impl_->rpcs_.for_each_of(begin, end, [&](const Rpc& rpc) { infos.push_back(impl_->info(rpc)); });
  return end < slots ? end : 0;
}

std::optional<RpcInfo> Endpoint::rpc(RpcId id) const {
  const Rpc* found = impl_->rpcs_.find(id);
  return found == nullptr ? std::nullopt : std::optional(impl_->info(*found));
}

}  // namespace homa::core
