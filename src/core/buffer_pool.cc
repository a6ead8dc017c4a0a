#include "core/buffer_pool.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/check.h"

namespace homa::core {
namespace {
// Responses have a quarter of each zone to themselves.
constexpr std::uint64_t kResponseReserve = 4;

}  // namespace

BufferPool::BufferPool(std::uint64_t bytes, std::uint32_t longest, MemoryPressure& pressure,
                       MemoryUse& use)
    : longest_(longest),
      memory_follows_(bytes == kMemoryFollows),
      pressure_(pressure),
      memory_use_(use) {
  if (bytes != 0 && !memory_follows_) make_zones(bytes);
}

void BufferPool::give_memory(std::uint64_t bytes) {
  HOMA_CHECK(memory_follows_ && !zones_ && bytes > 0);
  make_zones(bytes);
  for (Turns& turns : turns_) {
    for (PortShare& share : turns) {
      PortShare::Waiting all;
      all.swap(share.waiting[0]);
      while (!all.empty()) {
        MessageBuffer& buffer = *all.begin();
        all.erase(all.begin());
        share.waiting[class_of(buffer)].insert(buffer);
      }
    }
  }
}

void BufferPool::make_zones(std::uint64_t bytes) {
  auto owners =
      base::Mapping::create((bytes / base::RegionAllocator::kUnit + 1) * sizeof(std::uint32_t));
  if (!owners) throw std::bad_alloc();
  zones_.emplace(bytes, longest_);
  owners_ = std::move(owners).value();
  const std::uint64_t longest_block = MemoryZones::block_bytes(longest_);
  for (std::size_t i = 0; i < zones_->zones(); ++i) {
    const std::uint64_t capacity = zones_->capacity(i);
    // Room for one message is for whoever comes. A common zone can take one of the longest.
    const bool only_one = zones_->zones() == 1 && capacity < 2 * longest_block;
    const std::uint64_t reserve = capacity / kResponseReserve;
    use_[i].free = capacity;
    use_[i].requests_left =
        only_one ? capacity
                 : capacity - (zones_->zones() == 1 ? std::max(reserve, longest_block) : reserve);
  }
}

BufferPool::~BufferPool() {
  for (Turns& turns : turns_) turns.clear();
  for (const auto& share : shares_) {
    for (auto& waiting : share->waiting) waiting.clear();
  }
}

PortShare& BufferPool::open_share(bool responses) {
  PortShare* share;
  if (unused_.empty()) {
    share = shares_.emplace_back(std::make_unique<PortShare>()).get();
    share->index = static_cast<std::uint32_t>(shares_.size() - 1);
  } else {
    share = unused_.back();
    unused_.pop_back();
  }
  share->responses = responses;
  share->open = true;
  return *share;
}

void BufferPool::close_share(PortShare& share) {
  share.open = false;
  if (share.is_empty()) unused_.push_back(&share);
}

bool BufferPool::exceeds_share(const MessageBuffer& buffer, unsigned message_class,
                               std::uint64_t bytes) const {
  if (buffer.peer == nullptr || buffer.peer->bytes == 0) return false;
  std::uint64_t left = 0;  // where the message may lie
  for (const std::uint8_t zone : zones_->choice(message_class)) {
    if (zone == MemoryZones::kNone) break;
    left += buffer.share->responses ? use_[zone].free : use_[zone].requests_left;
  }
  return 2 * (buffer.peer->bytes + bytes) > left;
}

bool BufferPool::allot(MessageBuffer& buffer, unsigned message_class, std::uint64_t bytes) {
  if (exceeds_share(buffer, message_class, bytes)) return false;
  for (const std::uint8_t zone : zones_->choice(message_class)) {
    if (zone == MemoryZones::kNone) return false;
    if (allot_in(zone, buffer, bytes)) return true;
  }
  return false;
}

// Of a message that has more than one packet or unit, or finds no room in the first zone of its
// class.
bool BufferPool::get_elsewhere(MessageBuffer& buffer) {
  PortShare& share = *buffer.share;
  PeerShare* const peer = buffer.peer;
  if (peer != nullptr) ++peer->messages;
  if (!zones_ && !memory_follows_) {
    buffer.offset = BufferOffset{};
    buffer.held = true;
    return true;
  }
  buffer.turn = peer == nullptr ? share.turn : std::max(share.turn, peer->turn);
  if (zones_) {
    const unsigned message_class = class_of(buffer);
    const PortShare::Waiting& waiting = share.waiting[message_class];
    // Those that wait may do so because of their peers alone.
    const bool may = waiting.empty() || buffer.turn <= waiting.begin()->turn;
    if (may && allot(buffer, message_class, MemoryZones::block_bytes(buffer.length))) return true;
  }
  wait(buffer);
  return false;
}

void BufferPool::wait(MessageBuffer& buffer) {
  PortShare& share = *buffer.share;
  if (buffer.peer != nullptr) buffer.peer->turn = buffer.turn + 1;
  share.waiting[class_of(buffer)].insert(buffer);
  if (share.turn_hook.is_linked()) return;
  turns_[share.responses ? 0 : 1].push_back(share);
  ++ports_waiting_;
}

void BufferPool::take_from(MessageBuffer& buffer) {
  if (buffer.waits()) {
    auto& waiting = buffer.share->waiting[class_of(buffer)];
    waiting.erase(waiting.iterator_to(buffer));
    leave_turns_if_served(*buffer.share);
  }
  if (!buffer.held) {
    if (buffer.peer != nullptr) leave_peer(buffer);
    return;
  }
  hand_over(buffer);
  if (!zones_) return;
  HOMA_CHECK(release(buffer.offset, buffer.length));
}

void BufferPool::leave_turns_if_served(PortShare& share) {
  for (const auto& waiting : share.waiting) {
    if (!waiting.empty()) return;
  }
  Turns& turns = turns_[share.responses ? 0 : 1];
  turns.erase(turns.iterator_to(share));
  --ports_waiting_;
}

// The shortest of its messages that finds room; of equals, peers take turns.
MessageBuffer* BufferPool::serve_one_of(PortShare& share) {
  for (unsigned message_class = MemoryZones::kClasses; message_class-- > 0;) {
    auto& waiting = share.waiting[message_class];
    int looks = kPeerLooks;
    for (auto at = waiting.begin(); at != waiting.end() && looks > 0; ++at, --looks) {
      MessageBuffer& buffer = *at;
      if (!allot(buffer, message_class, MemoryZones::block_bytes(buffer.length))) continue;
      waiting.erase(at);
      share.turn = std::max(share.turn, buffer.turn);
      leave_turns_if_served(share);
      return &buffer;
    }
  }
  return nullptr;
}

// Responses first; among ports, in turn. A port that cannot be served does not hold up others.
MessageBuffer* BufferPool::serve_waiting() {
  if (!zones_) return nullptr;
  for (Turns& turns : turns_) {
    const std::size_t looks = std::min<std::size_t>(turns.size(), kLooks);
    for (std::size_t i = 0; i < looks; ++i) {
      PortShare& share = turns.front();
      turns.splice(turns.end(), turns, turns.begin());
      if (MessageBuffer* served = serve_one_of(share)) return served;
    }
  }
  return nullptr;
}

void BufferPool::begin_pass() {
  if (zones_) zones_->begin_pass();
}

UnusedMemory BufferPool::pass_step(std::uint64_t bytes_max) {
  UnusedMemory step;
  if (!zones_) return step;
  if (const auto range = zones_->next_unused(bytes_max, kSlabLooks)) {
    step.begin = BufferOffset{range->offset};
    step.bytes = range->bytes;
  }
  step.pass_over = zones_->pass_over();
  step.settled = step.pass_over && zones_->settled();
  return step;
}

}  // namespace homa::core
