#include "engine/measured.h"

#include <gtest/gtest.h>

#include <memory>

namespace homa::engine {
namespace {

constexpr Time kNow{std::chrono::seconds(5)};

class MeasuredTest : public ::testing::Test {
 protected:
  template <typename Histogram>
  static std::uint64_t count(const Histogram& histogram) {
    std::uint64_t count = 0;
    for (const trace::Cell& cell : histogram.counts) count += cell.load();
    return count;
  }

  std::unique_ptr<Histograms> histograms_ = std::make_unique<Histograms>();
  Measured measured_{*histograms_};
};

TEST_F(MeasuredTest, AnRpcIsCountedByTheLongerOfItsMessages) {
  measured_.set_clock(kNow);
  measured_.completed(kNow - std::chrono::microseconds(20), 256);
  measured_.completed(kNow - std::chrono::microseconds(30), 257);
  measured_.completed(kNow - std::chrono::microseconds(40), 4'000'000'000U);
  EXPECT_EQ(histograms_->rpc_time.front().sum.load(), 20'000U);
  EXPECT_EQ(histograms_->rpc_time[1].sum.load(), 30'000U);
  EXPECT_EQ(histograms_->rpc_time.back().sum.load(), 40'000U);
  for (const std::size_t i : {2U, 3U, 4U}) EXPECT_EQ(count(histograms_->rpc_time[i]), 0U);
}

TEST_F(MeasuredTest, TimesNeverRunBackwards) {
  measured_.set_clock(kNow);
  measured_.completed(kNow + std::chrono::microseconds(1), 10);
  EXPECT_EQ(histograms_->rpc_time.front().counts.front().load(), 1U);
}

TEST_F(MeasuredTest, ValuesBeyondTheLastBucketAreInIt) {
  measured_.set_clock(kNow + std::chrono::hours(10));
  measured_.completed(kNow, 10);
  measured_.sent(4'000'000'000U);
  EXPECT_EQ(histograms_->rpc_time.front().counts.back().load(), 1U);
  EXPECT_EQ(histograms_->sent.counts.back().load(), 1U);
}

TEST_F(MeasuredTest, LengthsOfShortMessagesAreExact) {
  constexpr int kPrecision = decltype(Histograms::sent)::kPrecision;
  for (const std::uint64_t bytes : {1U, 100U, 111U, 255U}) {
    EXPECT_EQ(base::last_of_bucket(base::bucket_of(bytes, kPrecision), kPrecision), bytes);
  }
  EXPECT_LE(base::last_of_bucket(base::bucket_of(1'000, kPrecision), kPrecision), 1'008U);
}

TEST(SizeClasses, EachEndsWhereTheNextBegins) {
  EXPECT_EQ(size_class_of(1), 0U);
  for (std::size_t i = 0; i + 1 < kSizeClasses.size(); ++i) {
    EXPECT_EQ(size_class_of(kSizeClasses[i]), i);
    EXPECT_EQ(size_class_of(kSizeClasses[i] + 1), i + 1);
  }
}

}  // namespace
}  // namespace homa::engine
