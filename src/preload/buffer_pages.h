// The receive memory of a program, in pages of 64 KiB ("bpages") as the kernel's interface hands it
// out. A message takes whole pages; its last part lies with others' last parts in a shared page. A
// page is free again when every part in it was given back.
//
// A plain data structure: it knows offsets and no addresses. The owner holds a lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "homa/kernel.h"

namespace homa::preload {

// Where a message lies: the offset of each of its parts.
struct PageList {
  std::uint32_t count = 0;
  std::uint32_t offsets[HOMA_MAX_BPAGES] = {};
};

class BufferPages {
 public:
  // What is left of `bytes` beyond the last whole page is not used. Offsets have 32 bits, so at
  // most 4 GiB are.
  explicit BufferPages(std::uint64_t bytes);

  // Room for a message of 1 to HOMA_MAX_MESSAGE_LENGTH bytes; nullopt: there is not enough.
  std::optional<PageList> allocate(std::uint32_t bytes);
  // Whether a message so long would fit if everything was given back.
  bool can_hold(std::uint32_t bytes) const;
  // Gives parts back, in any order. False: one of them is not handed out; then none is taken.
  bool give_back(std::span<const std::uint32_t> offsets);

  // Bytes of pages that are wholly free.
  std::uint64_t free_bytes() const { return free_.size() * std::uint64_t{HOMA_BPAGE_SIZE}; }

 private:
  static constexpr std::uint32_t kAlign = 64;  // of parts: messages share no cache line

  std::uint32_t take_page();
  bool has_room_for_tail(std::uint32_t bytes) const;
  std::uint32_t place_tail(std::uint32_t bytes);

  std::vector<std::uint32_t> parts_;     // handed out, by page
  std::vector<std::uint32_t> free_;      // pages; the one used last is taken first
  std::optional<std::uint32_t> shared_;  // the page that last parts go to
  std::uint32_t shared_used_ = 0;        // bytes of it
};

}  // namespace homa::preload
