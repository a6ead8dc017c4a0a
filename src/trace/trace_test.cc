#include "trace/trace.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace homa::trace {
namespace {

constexpr Time at(std::int64_t nanoseconds) { return Time{Duration{nanoseconds}}; }

TEST(Recorder, KeepsTheMostRecentEventsOldestFirst) {
  Recorder recorder(4);
  ASSERT_TRUE(recorder.enabled());
  for (std::uint64_t i = 0; i < 6; ++i) {
    recorder.append(at(static_cast<std::int64_t>(i)), EventType::data_sent, i, 10 * i, i);
  }
  const auto records = recorder.records();
  ASSERT_EQ(records.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(records[i].time, at(static_cast<std::int64_t>(i) + 2));
    EXPECT_EQ(records[i].rpc, i + 2);
    EXPECT_EQ(records[i].a, 10 * (i + 2));
  }
}

TEST(Recorder, ItsCapacityIsAPowerOfTwo) {
  Recorder recorder(5);
  for (int i = 0; i < 20; ++i) recorder.append(at(i), EventType::rpc_ended, 0, 0, 0);
  EXPECT_EQ(recorder.records().size(), 8U);
}

TEST(Recorder, WithoutCapacityItKeepsNothing) {
  Recorder recorder;
  recorder.append(at(1), EventType::rpc_ended, 0, 0, 0);
  EXPECT_FALSE(recorder.enabled());
  EXPECT_TRUE(recorder.records().empty());
}

TEST(Recorder, WritesIntoItsOwnersMemory) {
  Counters counters;
  std::array<Record, 4> ring{};
  Recorder recorder(counters, ring);
  add(recorder.counters.grants_sent);
  for (std::uint64_t i = 0; i < 5; ++i) recorder.append(at(0), EventType::rpc_ended, i, 0, 0);
  EXPECT_EQ(counters.grants_sent.load(), 1U);
  EXPECT_EQ(ring[0].rpc, 4U);
  EXPECT_EQ(recorder.records().front().rpc, 1U);
}

TEST(Counters, AreReadByNameAndMeaning) {
  Counters counters;
  add(counters.grants_sent, 3);
  std::set<std::string_view> names;
  for (const CounterValue& counter : read(counters)) {
    EXPECT_TRUE(names.insert(counter.name).second) << counter.name;
    EXPECT_FALSE(counter.meaning.empty()) << counter.name;
    EXPECT_EQ(counter.value, counter.name == "grants_sent" ? 3U : 0U) << counter.name;
  }
}

TEST(DropReasons, EachHasAWordAndACounterOfItsOwn) {
  Counters counters;
  std::set<std::string_view> words;
  std::set<const void*> seen;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    EXPECT_TRUE(words.insert(to_string(reason)).second);
    EXPECT_TRUE(seen.insert(&counter_of(counters, reason)).second);
  }
  EXPECT_EQ(to_string(DropReason::kNoBuffer), "no buffer");
  EXPECT_EQ(&counter_of(counters, DropReason::kNoBuffer), &counters.dropped_no_buffer);
}

}  // namespace
}  // namespace homa::trace
