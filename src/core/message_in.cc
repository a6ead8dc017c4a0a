#include "core/message_in.h"

#include <algorithm>
#include <new>

#include "base/check.h"

namespace homa::core {

void MessageIn::start(std::uint32_t length) {
  length_ = length;
  received_ = 0;
  end_ = 0;
  gaps_.clear();
}

MessageIn::Added MessageIn::add(ByteRange range) {
  HOMA_CHECK(range.begin < range.end && range.end <= length_);
  if (range.begin < end_) return add_below_end(range);
  if (range.begin > end_) {
    if (!make_room_for_gap()) return Added::kTooManyGaps;
    gaps_.push_back({end_, range.begin});
  }
  received_ += range.size();
  end_ = range.end;
  return Added::kNew;
}

bool MessageIn::make_room_for_gap() try {
  if (gaps_.size() >= kGapsMax) return false;
  if (gaps_.size() == gaps_.capacity()) gaps_.reserve(std::max<std::size_t>(4, 2 * gaps_.size()));
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

MessageIn::Added MessageIn::add_below_end(ByteRange range) {
  bool is_new = false;
  for (std::size_t i = 0; i < gaps_.size() && gaps_[i].begin < range.end;) {
    const ByteRange gap = gaps_[i];
    const ByteRange filled{std::max(gap.begin, range.begin), std::min(gap.end, range.end)};
    if (filled.begin >= filled.end) {
      ++i;
      continue;
    }
    const ByteRange above{filled.end, gap.end};
    if (filled.begin > gap.begin && above.size() > 0) {  // splits in two
      if (!make_room_for_gap()) return is_new ? Added::kNew : Added::kTooManyGaps;
      gaps_[i].end = filled.begin;
      gaps_.insert(gaps_.begin() + static_cast<std::ptrdiff_t>(i) + 1, above);
      ++i;
    } else if (filled.begin > gap.begin) {
      gaps_[i].end = filled.begin;
      ++i;
    } else if (above.size() > 0) {
      gaps_[i] = above;
      ++i;
    } else {
      gaps_.erase(gaps_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    received_ += filled.size();
    is_new = true;
  }
  if (range.end > end_) {
    received_ += range.end - end_;
    end_ = range.end;
    is_new = true;
  }
  return is_new ? Added::kNew : Added::kDuplicate;
}

}  // namespace homa::core
