#include "core/progress.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kRate = 64'000;
constexpr Time at(std::int64_t ms) { return Time{milliseconds(ms)}; }

TEST(Progress, WhoSendsFastEnoughKeepsItsBuffer) {
  Progress progress;
  progress.begin(at(0));
  std::uint32_t received = 0;
  for (std::int64_t ms = 0; ms < 5'000; ms += 5) {
    EXPECT_FALSE(progress.too_slow(at(ms), received, true, kRate)) << ms;
    received += 400;  // 80 kB/s
  }
}

TEST(Progress, WhoSendsLessIsTooSlow) {
  Progress progress;
  progress.begin(at(0));
  EXPECT_FALSE(progress.too_slow(at(499), 10'000, true, kRate)) << "there was no time yet";
  EXPECT_TRUE(progress.too_slow(at(500), 31'999, true, kRate));
  EXPECT_FALSE(progress.too_slow(at(1'000), 64'000, true, kRate)) << "it has made up for it";
  EXPECT_TRUE(progress.too_slow(at(1'500), 64'001, true, kRate)) << "what came before is past";
}

// It waits for grants.
TEST(Progress, TimeInWhichNothingMayBeSentDoesNotCount) {
  Progress progress;
  progress.begin(at(0));
  EXPECT_FALSE(progress.too_slow(at(5'000), 1'000, false, kRate));
  EXPECT_FALSE(progress.too_slow(at(5'400), 1'000, true, kRate));
  EXPECT_TRUE(progress.too_slow(at(5'500), 1'000, true, kRate));
}

}  // namespace
}  // namespace homa::core
