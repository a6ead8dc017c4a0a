#include "channel/engine_end.h"

#include <new>
#include <utility>

#include "channel/wake.h"

namespace homa::channel {

EngineEnd::EngineEnd(std::shared_ptr<Region> region, std::size_t* held_in_all)
    : region_(std::move(region)),
      header_(region_->header()),
      transmit_(region_->transmit()),
      wake_words_(region_->wake_words()),
      submissions_(region_->submissions(), header_.submission_tail, header_.submission_head),
      completions_(region_->completions(), header_.completion_tail, header_.completion_head),
      held_in_all_(held_in_all != nullptr ? held_in_all : &held_here_) {}

EngineEnd::~EngineEnd() {
  publish();
  *held_in_all_ -= held_.size();
  header_.engine_gone.store(1, std::memory_order_seq_cst);
  wake_application();
}

bool EngineEnd::next(Submission* submission) {
  return may_submit() && submissions_.pop(submission);
}

Completion& EngineEnd::place(bool message) {
  message_ = message_ || message;
  if (held_.empty()) {
    if (Completion* free = completions_.push_place()) return *free;
  }
  return hold();
}

Completion& EngineEnd::hold() try {
  Completion& held = held_.push_slot();
  ++*held_in_all_;
  return held;
} catch (const std::bad_alloc&) {
  lost_ = true;
  return lost_completion_;
}

void EngineEnd::flush_held() {
  while (!held_.empty() && completions_.push(held_.front())) {
    held_.pop();
    --*held_in_all_;
  }
  if (!held_.empty()) return;
  held_ = {};  // a burst is no reason to keep its memory
  header_.completions_held.store(0, std::memory_order_relaxed);
}

void EngineEnd::publish_completions() {
  // Whoever was woken when these were completed could not see them yet.
  if (!held_.empty()) {
    message_ = true;
    flush_held();
    if (!held_.empty()) {
      header_.completions_held.store(1, std::memory_order_seq_cst);
      flush_held();  // the application may have made room before it could see that
    }
  }
  if (!completions_.publish() && !message_) return;
  if (std::exchange(room_, false)) tell_of_room();
  if (std::exchange(message_, false)) wake_application();
}

// What is held does not count: the application cannot see it yet.
void EngineEnd::tell_of_room() {
  if (header_.room_wanted.load(std::memory_order_seq_cst) == 0 ||
      header_.room_wanted.exchange(0, std::memory_order_seq_cst) == 0) {
    return;
  }
  if (const Signal* signal = region_->signal()) signal->unblock();
}

void EngineEnd::wake_application() {
  // The application may have written any number there.
  const std::uint32_t sleeper = header_.sleeper.load(std::memory_order_seq_cst);
  if (sleeper - 1 < wake_words_.size()) wake(wake_words_[sleeper - 1]);
  if (header_.descriptor_armed.load(std::memory_order_seq_cst) != 0 &&
      header_.descriptor_armed.exchange(0, std::memory_order_seq_cst) != 0) {
    if (const Signal* signal = region_->signal()) signal->raise();
  }
}

std::optional<std::span<std::byte>> EngineEnd::transmit(std::uint64_t offset,
                                                        std::uint64_t length) const {
  if (offset > transmit_.size() || length > transmit_.size() - offset) return std::nullopt;
  return transmit_.subspan(offset, length);
}

}  // namespace homa::channel
