// Which parts of its receive memory a program has, where its messages lie there in one piece each:
// a message is told as the bpages that it covers, and is given back when all of them were.
//
// A plain data structure: it knows offsets and no addresses. The owner holds a lock.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/mapping.h"
#include "base/region_allocator.h"
#include "homa/error.h"
#include "homa/kernel.h"
#include "homa/result.h"
#include "preload/buffer_pages.h"

namespace homa::preload {

class HeldPages {
 public:
  // Messages that were given back by one call.
  struct Returned {
    std::uint32_t count = 0;
    std::uint32_t messages[HOMA_MAX_BPAGES] = {};
  };

  static Result<HeldPages, Error> create(std::uint64_t bytes);  // kNoMemory

  // The program gets the message of `bytes` bytes (1 to HOMA_MAX_MESSAGE_LENGTH) at `offset`, of
  // which nobody has a part. The result names it in Returned: the smallest number that is free.
  // Throws std::bad_alloc before it changes anything.
  std::uint32_t hold(std::uint64_t offset, std::uint32_t bytes, PageList& pages);
  // Gives parts back, in any order. nullopt: one of them is not the program's; then none is taken.
  std::optional<Returned> give_back(std::span<const std::uint32_t> offsets);

  // Numbers given so far are below this.
  std::size_t numbers() const { return messages_.size(); }
  std::uint64_t held_bytes() const { return held_bytes_; }

 private:
  static constexpr std::uint64_t kUnit = base::RegionAllocator::kUnit;  // messages begin there
  struct Held {
    std::uint32_t bytes = 0;
    std::uint32_t parts_left = 0;
  };

  explicit HeldPages(base::Mapping owners) : owners_(std::move(owners)) {}
  std::span<std::uint32_t> owners() const {
    const auto bytes = owners_.bytes();
    return {reinterpret_cast<std::uint32_t*>(bytes.data()), bytes.size() / sizeof(std::uint32_t)};
  }

  base::Mapping owners_;  // by unit: 1 + the number of the message that has a part there
  std::vector<Held> messages_;
  std::vector<std::uint32_t> unused_;  // numbers
  std::uint64_t held_bytes_ = 0;
};

}  // namespace homa::preload
