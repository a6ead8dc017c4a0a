#include "engine/sampler.h"

#include <algorithm>
#include <new>

namespace homa::engine {
namespace {

using trace::RpcEntry;

bool earlier(const RpcEntry& a, const RpcEntry& b) { return a.began < b.began; }

RpcEntry entry_of(const core::RpcInfo& info, Duration paused) {
  RpcEntry entry;
  entry.wire_id = raw(info.wire_id);
  entry.began = (info.began + paused).time_since_epoch().count();
  entry.peer = {info.peer.ip, info.peer.udp_port, raw(info.peer_port), info.peer.scope};
  entry.local_port = raw(info.local_port);
  entry.state = static_cast<std::uint8_t>(info.state);
  entry.is_ours = is_served(info.id) ? 0 : 1;
  entry.send_length = info.send_length;
  entry.sent = info.sent;
  entry.send_granted = info.send_granted;
  entry.receive_length = info.receive_length;
  entry.received = info.received;
  entry.receive_granted = info.receive_granted;
  entry.gaps = info.gaps;
  entry.silent_ticks = info.silent_ticks;
  return entry;
}

}  // namespace

void Sampler::keep(const core::RpcInfo& info, Duration paused) {
  const RpcEntry entry = entry_of(info, paused);
  if (oldest_.size() == Published::kRpcs) {
    if (!earlier(entry, oldest_.front())) return;
    std::pop_heap(oldest_.begin(), oldest_.end(), earlier);
    oldest_.back() = entry;
    std::push_heap(oldest_.begin(), oldest_.end(), earlier);
    return;
  }
  oldest_.push_back(entry);
  if (oldest_.size() == Published::kRpcs) std::make_heap(oldest_.begin(), oldest_.end(), earlier);
}

bool Sampler::step(Time clock, Duration paused, const core::Endpoint& endpoint,
                   Published& published) try {
  if (next_ == 0) {
    pass_began_ = clock;
    worked_ = false;
    oldest_.clear();
  }
  slice_.clear();
  next_ = endpoint.rpcs(next_, kSlice, slice_);
  for (const core::RpcInfo& info : slice_) keep(info, paused);
  if (next_ != 0) {
    due_ = clock + kBetweenSlices;
    return false;
  }
  published.set_rpcs(clock, oldest_);
  due_ = worked_ ? std::max(pass_began_ + kInterval, clock + kBetweenSlices) : kNever;
  return true;
} catch (const std::bad_alloc&) {  // it is tried again
  next_ = 0;
  due_ = clock + kInterval;
  return false;
}

}  // namespace homa::engine
