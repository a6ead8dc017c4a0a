#include "core/progress.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kRate = 64'000;
constexpr Time at(std::int64_t ms) { return Time{milliseconds(ms)}; }

// Its sender has no other message.
Progress::Seen of_one(std::uint32_t received, bool may_send) {
  return {.received = received, .may_send = may_send, .from_peer = received, .of_peer = 1};
}

TEST(Progress, WhoSendsFastEnoughKeepsItsBuffer) {
  Progress progress;
  progress.begin(at(0), 0);
  std::uint32_t received = 0;
  for (std::int64_t ms = 0; ms < 5'000; ms += 5) {
    EXPECT_FALSE(progress.too_slow(at(ms), of_one(received, true), kRate)) << ms;
    received += 400;  // 80 kB/s
  }
}

TEST(Progress, WhoSendsLessIsTooSlow) {
  Progress progress;
  progress.begin(at(0), 0);
  EXPECT_FALSE(progress.too_slow(at(499), of_one(10'000, true), kRate)) << "there was no time yet";
  EXPECT_TRUE(progress.too_slow(at(500), of_one(31'999, true), kRate));
  EXPECT_FALSE(progress.too_slow(at(1'000), of_one(64'000, true), kRate))
      << "it has made up for it";
  EXPECT_TRUE(progress.too_slow(at(1'500), of_one(64'001, true), kRate))
      << "what came before is past";
}

// It waits for grants.
TEST(Progress, TimeInWhichNothingMayBeSentDoesNotCount) {
  Progress progress;
  progress.begin(at(0), 0);
  EXPECT_FALSE(progress.too_slow(at(5'000), of_one(1'000, false), kRate));
  EXPECT_FALSE(progress.too_slow(at(5'400), of_one(1'000, true), kRate));
  EXPECT_TRUE(progress.too_slow(at(5'500), of_one(1'000, true), kRate));
}

// Its sender's link is busy with shorter messages.
TEST(Progress, AMessageWaitsForThoseThatItsSenderSendsFirst) {
  Progress progress;
  progress.begin(at(0), 1'000'000);
  Progress::Seen seen{.received = 0, .may_send = true, .from_peer = 1'064'000, .of_peer = 2};
  EXPECT_FALSE(progress.too_slow(at(500), seen, kRate));
  seen.from_peer += 63'999;
  EXPECT_TRUE(progress.too_slow(at(1'000), seen, kRate))
      << "it sends too little for the messages that it began";
}

}  // namespace
}  // namespace homa::core
