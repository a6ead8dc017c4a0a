#include "core/buffer_pool.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/check.h"

namespace homa::core {
namespace {
// A port may use so many times what it leaves free: one port alone gets two thirds of a zone, the
// next one two thirds of the rest.
constexpr std::uint64_t kShareOfFree = 2;
// Responses have a quarter of each zone to themselves.
constexpr std::uint64_t kResponseReserve = 4;

bool is_empty(const PortShare& share) {
  return std::all_of(share.used.begin(), share.used.end(), [](auto bytes) { return bytes == 0; });
}
}  // namespace

BufferPool::BufferPool(std::uint64_t bytes, std::uint32_t longest, MemoryPressure* pressure,
                       MemoryUse* use)
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
  if (is_empty(share)) unused_.push_back(&share);
}

std::uint32_t& BufferPool::owner(std::uint64_t offset) const {
  return reinterpret_cast<std::uint32_t*>(
      owners_.bytes().data())[offset / base::RegionAllocator::kUnit];
}

// A port's limit follows what is free, so that some is left for a port that has little.
inline bool BufferPool::allot_in(std::uint8_t zone, MessageBuffer& buffer, std::uint64_t bytes) {
  PortShare& share = *buffer.share;
  Use& use = use_[zone];
  const std::uint64_t free = share.responses ? use.free : std::min(use.free, use.requests_left);
  if (bytes > free || share.used[zone] + bytes > kShareOfFree * free) return false;
  if (pressure_ != nullptr && !pressure_->may_receive(*memory_use_, bytes)) return false;
  const auto offset = zones_->allocate(zone, buffer.length);
  if (!offset) return false;
  buffer.offset = BufferOffset{*offset};
  buffer.held = true;
  owner(*offset) = share.index;
  share.used[zone] += bytes;
  use.free -= bytes;
  if (!share.responses) use.requests_left -= bytes;
  if (buffer.peer != nullptr) buffer.peer->bytes += bytes;
  if (pressure_ != nullptr) pressure_->received(*memory_use_, bytes);
  return true;
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

bool BufferPool::get(MessageBuffer& buffer, PortShare& share, PeerShare* peer,
                     std::uint32_t length) {
  buffer.length = length;
  buffer.share = &share;
  buffer.peer = peer;
  if (peer != nullptr) ++peer->messages;
  if (!zones_ && !memory_follows_) {
    buffer.offset = BufferOffset{};
    buffer.held = true;
    return true;
  }
  buffer.turn = peer == nullptr ? share.turn : std::max(share.turn, peer->turn);
  if (!zones_) {
    wait(buffer);
    return false;
  }
  const std::uint64_t bytes = MemoryZones::block_bytes(length);
  const unsigned message_class = zones_->class_of(bytes);
  const PortShare::Waiting& waiting = share.waiting[message_class];
  // Those that wait may do so because of their peers alone.
  if (waiting.empty() || buffer.turn <= waiting.begin()->turn) {
    if (peer == nullptr && allot_in(zones_->choice(message_class)[0], buffer, bytes)) return true;
    if (allot(buffer, message_class, bytes)) return true;
  }
  wait(buffer);
  return false;
}

void BufferPool::wait(MessageBuffer& buffer) {
  PortShare& share = *buffer.share;
  if (buffer.peer != nullptr) buffer.peer->turn = buffer.turn + 1;
  share.waiting[class_of(buffer)].insert(buffer);
  if (!share.turn_hook.is_linked()) turns_[share.responses ? 0 : 1].push_back(share);
}

inline void BufferPool::take_back(PortShare& share, std::size_t zone, std::uint32_t length) {
  const std::uint64_t bytes = MemoryZones::block_bytes(length);
  share.used[zone] -= bytes;
  use_[zone].free += bytes;
  if (!share.responses) use_[zone].requests_left += bytes;
  if (pressure_ != nullptr) pressure_->released(*memory_use_, bytes);
  if (!share.open && is_empty(share)) unused_.push_back(&share);
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
  const std::uint8_t zone = zones_->free(raw(buffer.offset), buffer.length);
  HOMA_CHECK(zone != MemoryZones::kNone);
  take_back(*buffer.share, zone, buffer.length);
}

bool BufferPool::release(BufferOffset offset, std::uint32_t length) {
  if (!zones_) return !memory_follows_;
  const std::uint8_t zone = zones_->free(raw(offset), length);
  if (zone == MemoryZones::kNone) return false;
  take_back(*shares_[owner(raw(offset))], zone, length);
  return true;
}

void BufferPool::leave_turns_if_served(PortShare& share) {
  for (const auto& waiting : share.waiting) {
    if (!waiting.empty()) return;
  }
  Turns& turns = turns_[share.responses ? 0 : 1];
  turns.erase(turns.iterator_to(share));
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
