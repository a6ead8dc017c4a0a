#include "engine/defaults.h"

#include <gtest/gtest.h>

#include <tuple>

namespace homa::engine {
namespace {

TEST(Defaults, FollowTheLink) {
  io::IoCapabilities capabilities;
  capabilities.packet_bytes_max = 1472;
  capabilities.overhead_bytes = 66;
  for (const auto& [gigabits, unscheduled, incoming] : {std::tuple{10U, 30'000U, 400'000U},
                                                        {25U, 60'000U, 480'000U},
                                                        {100U, 60'000U, 1'600'000U}}) {
    capabilities.link_bits_per_second = gigabits * 1'000'000'000ULL;
    const core::CoreConfig config = defaults_for(capabilities);
    EXPECT_EQ(config.unscheduled_bytes, unscheduled);
    EXPECT_EQ(config.max_incoming, incoming);
    EXPECT_EQ(config.max_incoming_most, 0U) << "the rate is known";
    EXPECT_EQ(config.payload_bytes_max, 1416U);
    EXPECT_EQ(config.packet_overhead_bytes, 66U);
    EXPECT_TRUE(config.validate());
  }
  capabilities.link_bits_per_second = 200'000'000;
  core::CoreConfig slow = defaults_for(capabilities);
  EXPECT_EQ(slow.unscheduled_bytes, 20'000U);
  EXPECT_EQ(slow.max_incoming, 400'000U);
  EXPECT_EQ(slow.resend_ticks, 20U) << "a little more than what max_incoming takes";
  EXPECT_EQ(slow.timeout_ticks, 1'920U);
  EXPECT_EQ(coalesce_for(slow), Duration(150'000));
  EXPECT_TRUE(slow.validate());
  EXPECT_GT(slow.nic_backlog_max, Duration(100'000));
  slow.link_bits_per_second = 1'000'000'000;
  EXPECT_EQ(coalesce_for(slow), Duration(30'760)) << "two and a half packets";
  slow.link_bits_per_second = 10'000'000'000;
  EXPECT_EQ(coalesce_for(slow), Duration(0));
  capabilities.link_bits_per_second = 0;
  EXPECT_EQ(coalesce_for(defaults_for(capabilities)), Duration(0));
  EXPECT_EQ(defaults_for(capabilities).unscheduled_bytes, 30'000U);
  EXPECT_EQ(defaults_for(capabilities).max_incoming, 400'000U);
  EXPECT_EQ(defaults_for(capabilities).max_incoming_most, 1'600'000U);
}

TEST(Defaults, TheLongestMessageFollowsReceiveMemory) {
  EXPECT_EQ(longest_message_for(1 << 20), 1'000'000U);
  EXPECT_EQ(longest_message_for(16 << 20), 1'048'576U);
  EXPECT_EQ(longest_message_for((64 << 20) - 1), 2U << 20);
  EXPECT_EQ(longest_message_for(64 << 20), 4U << 20);
  EXPECT_EQ(longest_message_for(std::uint64_t{1} << 40), 64U << 20);
}

}  // namespace
}  // namespace homa::engine
