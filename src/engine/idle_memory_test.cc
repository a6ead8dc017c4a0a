#include "engine/idle_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/region_allocator.h"

namespace homa::engine {
namespace {

constexpr std::uint64_t kRegionBytes = 16 << 20;
constexpr std::uint32_t kLength = 60'000;
constexpr Port kPort{4000};
constexpr Duration kSecond{1'000'000'000};

class IdleMemoryTest : public ::testing::Test {
 protected:
  IdleMemoryTest() { EXPECT_TRUE(endpoint_.open_port(kPort).has_value()); }

  static core::CoreConfig config() {
    core::CoreConfig config;
    config.receive_region_bytes = kRegionBytes;
    return config;
  }

  // A request of one packet arrives, and its bytes are written.
  void receive_one() {
    wire::DataHeader header;
    header.common.source_port = Port{50'000};
    header.common.destination_port = kPort;
    header.common.sender_id = WireId{next_id_ += 2};
    header.message_length = header.incoming = kLength;
    std::vector<std::byte> packet(wire::kDataHeaderBytes + kLength, std::byte{7});
    wire::HeaderBuffer encoded;
    std::copy_n(encoded.begin(), wire::encode(header, encoded), packet.begin());
    const auto outcome = endpoint_.on_packet(now_, {Address::v4(10, 0, 0, 1), packet});
    ASSERT_EQ(outcome.kind, core::RxOutcome::Kind::kDeliver);
    std::memset(memory_.bytes().data() + raw(outcome.buffer), 7, kLength);
    received_ += kLength;
    held_.push_back(*endpoint_.poll_event());
  }
  void release_all() {
    for (const core::Event& event : held_) {
      ASSERT_TRUE(endpoint_.release(now_, event.account, event.buffer, event.length));
    }
    held_.clear();
  }
  // As an engine does that has nothing else to do.
  std::size_t idle_until(Time until) {
    std::size_t steps = 0;
    for (; idle_.due(received_) <= until; ++steps) {
      now_ = std::max(now_, idle_.due(received_));
      idle_.step(now_, received_, endpoint_, memory_);
    }
    now_ = until;
    return steps;
  }
  std::size_t written() const {
    return static_cast<std::size_t>(
        std::count(memory_.bytes().begin(), memory_.bytes().end(), std::byte{7}));
  }

  trace::Recorder recorder_;
  core::Endpoint endpoint_{config(), 1, recorder_};
  base::Mapping memory_ = base::Mapping::create(kRegionBytes).value();
  IdleMemory idle_;
  Time now_{kSecond};
  std::uint64_t received_ = 0;
  std::uint64_t next_id_ = 1'000;
  std::vector<core::Event> held_;
};

TEST_F(IdleMemoryTest, NothingIsDueUntilSomethingWasReceived) { EXPECT_EQ(idle_.due(0), kNever); }

TEST_F(IdleMemoryTest, WhatABurstNeededIsGivenBackWithinThreeSeconds) {
  for (int i = 0; i < 60; ++i) receive_one();
  idle_until(now_ + 5 * kSecond);
  EXPECT_EQ(written(), 60U * kLength) << "the application still has them";
  receive_one();
  const core::Event kept = held_.back();
  held_.pop_back();
  release_all();
  idle_until(now_ + 3 * kSecond);
  EXPECT_LE(written(), base::RegionAllocator::kSlab);
  const std::byte* const first = memory_.bytes().data() + raw(kept.buffer);
  EXPECT_EQ(std::count(first, first + kLength, std::byte{7}), kLength) << "it is in use";
  EXPECT_EQ(idle_.due(received_), kNever) << "an idle host sleeps";
}

TEST_F(IdleMemoryTest, MemoryThatIsUsedAgainAndAgainStays) {
  for (int i = 0; i < 10; ++i) {
    receive_one();
    release_all();
    idle_until(now_ + kSecond / 2);
    EXPECT_GE(written(), kLength);
  }
}

TEST_F(IdleMemoryTest, AStepGivesBackABoundedPart) {
  for (int i = 0; i < 60; ++i) receive_one();
  release_all();
  // Nearly four megabytes, one at a time, and the ends of passes.
  EXPECT_GE(idle_until(now_ + 3 * kSecond), 4U);
}

}  // namespace
}  // namespace homa::engine
