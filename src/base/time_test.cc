#include "base/time.h"

#include <gtest/gtest.h>

namespace homa {
namespace {

TEST(TransmissionTime, IsRoundedUp) {
  EXPECT_EQ(transmission_time(1'250, 10'000'000'000), Duration(1'000));
  EXPECT_EQ(transmission_time(1, 10'000'000'000), Duration(1));  // 0.8
  EXPECT_EQ(transmission_time(0, 10'000'000'000), Duration(0));
}

TEST(TransmissionTime, AnUnlimitedLinkTakesNoTime) {
  EXPECT_EQ(transmission_time(1'000'000, 0), Duration(0));
}

TEST(TransmissionTime, LongMessagesOnSlowLinksDoNotOverflow) {
  EXPECT_EQ(transmission_time(2'000'000'000, 1'000'000), std::chrono::seconds(16'000));
}

}  // namespace
}  // namespace homa
