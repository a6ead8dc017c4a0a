#include "channel/ring.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

namespace homa::channel {
namespace {

struct Entry {
  std::uint64_t value = 0;
  std::uint64_t check = 0;
};

class Ring : public ::testing::Test {
 protected:
  std::array<Entry, 8> entries_{};
  std::atomic<std::uint64_t> tail_{0}, head_{0};
  RingWriter<Entry> writer_{entries_, tail_, head_};
  RingReader<Entry> reader_{entries_, tail_, head_};
};

TEST_F(Ring, ShowsEntriesOnlyWhenPublishedAndInOrder) {
  Entry entry;
  ASSERT_TRUE(writer_.push({1, 1}));
  ASSERT_TRUE(writer_.push({2, 2}));
  EXPECT_FALSE(reader_.pop(&entry));
  EXPECT_TRUE(writer_.publish());
  EXPECT_FALSE(writer_.publish());
  ASSERT_TRUE(reader_.pop(&entry));
  EXPECT_EQ(entry.value, 1U);
  ASSERT_TRUE(reader_.pop(&entry));
  EXPECT_EQ(entry.value, 2U);
  EXPECT_FALSE(reader_.pop(&entry));
}

TEST_F(Ring, IsFullUntilTheReaderGivesPlacesBack) {
  for (std::uint64_t i = 0; i < 8; ++i) ASSERT_TRUE(writer_.push({i, i}));
  EXPECT_FALSE(writer_.push({8, 8}));
  writer_.publish();
  Entry entry;
  ASSERT_TRUE(reader_.pop(&entry));
  EXPECT_FALSE(writer_.push({8, 8}));
  reader_.publish();
  EXPECT_TRUE(writer_.push({8, 8}));
  EXPECT_FALSE(writer_.has_room());
}

TEST_F(Ring, GivesPlacesToFillUntilItIsFull) {
  for (std::uint64_t i = 0; i < 8; ++i) {
    Entry* place = writer_.push_place();
    ASSERT_NE(place, nullptr);
    *place = {i, ~i};
  }
  EXPECT_EQ(writer_.push_place(), nullptr);
  EXPECT_TRUE(writer_.unpublished());
  writer_.publish_to_awake();
  EXPECT_FALSE(writer_.unpublished());
  Entry entry;
  for (std::uint64_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(reader_.pop(&entry));
    EXPECT_EQ(entry.value, i);
  }
  EXPECT_FALSE(reader_.pop(&entry));
}

// A writer that finds the ring full has a reader that is still to read enough to say so.
TEST(LargeRing, GivesPlacesBackByTheEighth) {
  std::array<Entry, 64> entries{};
  std::atomic<std::uint64_t> tail{0}, head{0};
  RingWriter<Entry> writer(entries, tail, head);
  RingReader<Entry> reader(entries, tail, head);
  while (writer.push({1, 1})) continue;
  writer.publish();
  Entry entry;
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(reader.pop(&entry));
    EXPECT_FALSE(reader.publish_some());
    EXPECT_FALSE(writer.has_room());
  }
  ASSERT_TRUE(reader.pop(&entry));
  EXPECT_TRUE(reader.publish_some());
  EXPECT_TRUE(writer.has_room());
}

TEST_F(Ring, AnImpossibleTailBreaksTheReaderForGood) {
  Entry entry;
  tail_ = 9;
  EXPECT_FALSE(reader_.pop(&entry));
  EXPECT_TRUE(reader_.broken());
  tail_ = 1;
  EXPECT_FALSE(reader_.pop(&entry));
  tail_ = 0;
  RingReader<Entry> backwards{entries_, tail_, head_};
  tail_ = ~std::uint64_t{0};
  EXPECT_FALSE(backwards.pop(&entry));
  EXPECT_TRUE(backwards.broken());
}

TEST_F(Ring, AnImpossibleHeadBreaksTheWriterForGood) {
  for (std::uint64_t i = 0; i < 8; ++i) ASSERT_TRUE(writer_.push({i, i}));
  head_ = 100;
  EXPECT_FALSE(writer_.push({8, 8}));
  EXPECT_TRUE(writer_.broken());
  head_ = 8;
  EXPECT_FALSE(writer_.push({8, 8}));
}

TEST_F(Ring, CarriesEverythingBetweenTwoThreads) {
  constexpr std::uint64_t kCount = 200'000;
  std::thread other([&] {
    for (std::uint64_t i = 0; i < kCount;) {
      if (writer_.push({i, ~i})) {
        ++i;
        writer_.publish();
      } else {
        std::this_thread::yield();
      }
    }
  });
  Entry entry;
  for (std::uint64_t i = 0; i < kCount;) {
    if (!reader_.pop(&entry)) {
      std::this_thread::yield();
      continue;
    }
    reader_.publish();
    ASSERT_EQ(entry.value, i);
    ASSERT_EQ(entry.check, ~i);
    ++i;
  }
  other.join();
}

}  // namespace
}  // namespace homa::channel
