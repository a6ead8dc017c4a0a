#include "channel/application_end.h"

#include <utility>

namespace homa::channel {

ApplicationEnd::ApplicationEnd(std::shared_ptr<Region> region, Bell bell, std::uint64_t reserved)
    : region_(std::move(region)),
      header_(region_->header()),
      bell_(std::move(bell)),
      submissions_(region_->submissions(), header_.submission_tail, header_.submission_head),
      completions_(region_->completions(), header_.completion_tail, header_.completion_head),
      allocator_(region_->layout().transmit_bytes - reserved) {}

ApplicationEnd::~ApplicationEnd() {
  if (!left_to_parent_) abandon(*region_, bell_);
}

void ApplicationEnd::abandon(Region& region, Bell& bell) {
  region.header().application_gone.store(1, std::memory_order_seq_cst);
  bell.ring();
}

void ApplicationEnd::restart() {
  base::RegionAllocator all_free(allocator_.capacity());
  allocator_ = std::move(all_free);
  submissions_.restart();
  completions_.restart();
  region_->restart();
}

void ApplicationEnd::publish(bool only_release) {
  if (!submissions_.publish()) return;
  if (only_release && !bell_.release_wanted()) {
    bell_.mark();
  } else {
    ring();
  }
}

bool ApplicationEnd::discard_unused(std::uint64_t bytes_max) {
  constexpr std::size_t kLooks = 1024;
  if (!in_pass_) {
    in_pass_ = true;
    unpassed_ = false;
    allocator_.begin_pass();
  }
  if (const auto range = allocator_.next_unused(bytes_max, kLooks)) {
    region_->memory().discard(region_->layout().transmit + range->offset, range->bytes);
  }
  in_pass_ = !allocator_.pass_over();
  return !in_pass_;
}

std::span<std::byte> ApplicationEnd::memory(std::uint64_t offset, std::uint32_t bytes) const {
  return region_->transmit().subspan(offset, bytes);
}

}  // namespace homa::channel
