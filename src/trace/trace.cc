#include "trace/trace.h"

#include <algorithm>
#include <bit>

namespace homa::trace {

std::vector<CounterValue> read(const Counters& counters) {
  std::vector<CounterValue> values;
#define HOMA_COUNTER_READ(name, meaning) \
  values.push_back({#name, meaning, counters.name.load(std::memory_order_relaxed)});
  HOMA_COUNTERS(HOMA_COUNTER_READ)
#undef HOMA_COUNTER_READ
  return values;
}

std::string_view to_string(DropReason reason) {
  switch (reason) {
#define HOMA_DROP_WORD(name, value, counter, word, meaning) \
  case DropReason::value: return word;
    HOMA_DROP_REASONS(HOMA_DROP_WORD, )
#undef HOMA_DROP_WORD
  }
  return "?";
}

std::atomic<std::uint64_t>& counter_of(Counters& counters, DropReason reason) {
  switch (reason) {
#define HOMA_DROP_COUNTER_OF(name, value, counter, word, meaning) \
  case DropReason::value: return counters.counter;
    HOMA_DROP_REASONS(HOMA_DROP_COUNTER_OF, )
#undef HOMA_DROP_COUNTER_OF
  }
  return counters.dropped_malformed;
}

std::string_view to_string(EventType type) {
  switch (type) {
#define HOMA_EVENT_NAME(name, a, b) \
  case EventType::name: return #name;
    HOMA_EVENTS(HOMA_EVENT_NAME)
#undef HOMA_EVENT_NAME
  }
  return "?";
}

Recorder::Recorder(std::size_t capacity)
    : own_counters_(std::make_unique<Counters>()),
      own_ring_(capacity > 0 ? std::bit_ceil(capacity) : 0),
      ring_(own_ring_),
      counters(*own_counters_) {}

std::vector<Record> Recorder::records() const {
  std::vector<Record> all;
  const std::uint64_t first = next_ - std::min<std::uint64_t>(next_, ring_.size());
  for (std::uint64_t i = first; i < next_; ++i) {
    all.push_back(ring_[static_cast<std::size_t>(i) & (ring_.size() - 1)]);
  }
  return all;
}

}  // namespace homa::trace
