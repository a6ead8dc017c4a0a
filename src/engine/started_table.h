// The RPCs that one channel has started, by the slot in their handles. An application names any
// slot it likes, so memory follows what is in progress and not the slots: a table of parts, which
// are there as long as one of their slots is in use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "channel/layout.h"

namespace homa::engine {

struct Started {
  std::uint64_t handle = 0;  // 0: the slot is free
  RpcId rpc = kNoRpc;
  Time began{};              // by the clock
  std::uint32_t length = 0;  // of the request
};

class StartedTable {
 public:
  // nullptr: there is none of that handle, which may be any number.
  Started* find(std::uint64_t handle) {
    Started* const found = at(channel::slot_of(handle));
    return found != nullptr && handle != 0 && found->handle == handle ? found : nullptr;
  }
  bool in_use(std::uint32_t slot) {
    const Started* const found = at(slot);
    return found != nullptr && found->handle != 0;
  }
  // After this, add() to the slot needs no memory. False: there is none.
  bool reserve(std::uint32_t slot) try {
    const std::size_t part = slot / kSlots;
    if (part >= parts_.size()) parts_.resize(part + 1);
    if (!parts_[part] && !spare_) spare_ = std::make_unique<Part>();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
  // To a slot that was reserved just before, and is not in use. The handle is not 0.
  void add(const Started& started) {
    const std::uint32_t slot = channel::slot_of(started.handle);
    std::unique_ptr<Part>& part = parts_[slot / kSlots];
    if (!part) part = std::move(spare_);
    part->slots[slot % kSlots] = started;
    ++part->used;
  }
  void remove(Started& started) {
    std::unique_ptr<Part>& part = parts_[channel::slot_of(started.handle) / kSlots];
    started = Started{};
    if (--part->used == 0) spare_ = std::move(part);  // so that a steady load allocates nothing
  }
  // Removes all; how many there were.
  std::uint32_t clear() {
    std::uint32_t count = 0;
    for (const auto& part : parts_) count += part ? part->used : 0;
    parts_.clear();
    spare_.reset();
    return count;
  }
  // That it has memory for.
  std::size_t slots() const {
    std::size_t count = spare_ ? kSlots : 0;
    for (const auto& part : parts_) count += part ? kSlots : 0;
    return count;
  }

 private:
  static constexpr std::size_t kSlots = 64;
  struct Part {
    std::array<Started, kSlots> slots{};
    std::uint32_t used = 0;
  };

  Started* at(std::uint32_t slot) {
    const std::size_t part = slot / kSlots;
    return part < parts_.size() && parts_[part] ? &parts_[part]->slots[slot % kSlots] : nullptr;
  }

  std::vector<std::unique_ptr<Part>> parts_;
  std::unique_ptr<Part> spare_;
};

}  // namespace homa::engine
