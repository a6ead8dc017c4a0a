#include "channel/application_end.h"

#include <utility>

#include "base/check.h"
#include "channel/wake.h"

namespace homa::channel {
namespace {
constexpr std::uint64_t kUnit = 256;  // the allocator's offsets are multiples of it

// nullptr: `offset` names no block.
std::uint32_t* length_of(const Mapping& lengths, std::uint64_t offset) {
  if (offset % kUnit != 0) return nullptr;
  if (offset / kUnit >= lengths.bytes().size() / sizeof(std::uint32_t)) return nullptr;
  return reinterpret_cast<std::uint32_t*>(lengths.bytes().data()) + offset / kUnit;
}
}  // namespace

ApplicationEnd::ApplicationEnd(std::shared_ptr<Region> region, int wake_fd)
    : region_(std::move(region)),
      header_(region_->header()),
      wake_fd_(wake_fd),
      submissions_(region_->submissions(), header_.submission_tail, header_.submission_head),
      completions_(region_->completions(), header_.completion_tail, header_.completion_head),
      allocator_(region_->layout().transmit_bytes) {
  auto lengths = Mapping::create(allocator_.capacity() / kUnit * sizeof(std::uint32_t));
  HOMA_CHECK(lengths.has_value());  // a hundredth of what was just mapped
  lengths_ = std::move(lengths).value();
}

ApplicationEnd::~ApplicationEnd() {
  header_.application_gone.store(1, std::memory_order_seq_cst);
  wake_engine();
}

void ApplicationEnd::publish(bool only_release) {
  if (!submissions_.publish()) return;
  if (only_release && header_.release_wanted.load(std::memory_order_seq_cst) == 0) return;
  wake_engine();
}

void ApplicationEnd::wake_engine() {
  if (header_.engine_sleeps.load(std::memory_order_seq_cst) == 0) return;
  if (header_.engine_sleeps.exchange(0, std::memory_order_seq_cst) == 1) {
    signal_descriptor(wake_fd_);
  }
}

void ApplicationEnd::let_held_go() {
  if (header_.completions_held.load(std::memory_order_seq_cst) != 0) wake_engine();
}

std::optional<std::uint64_t> ApplicationEnd::allocate(std::uint32_t bytes) {
  const auto offset = allocator_.allocate(bytes);
  if (offset) *length_of(lengths_, *offset) = bytes;
  return offset;
}

std::span<std::byte> ApplicationEnd::memory(std::uint64_t offset, std::uint32_t bytes) const {
  return region_->transmit().subspan(offset, bytes);
}

bool ApplicationEnd::free(std::uint64_t offset) {
  const std::uint32_t* const length = length_of(lengths_, offset);
  return length != nullptr && allocator_.free(offset, *length);
}

}  // namespace homa::channel
