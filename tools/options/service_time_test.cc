#include "tools/options/service_time.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

using namespace std::chrono_literals;

TEST(ServiceTime, NoneIsNoTime) {
  EXPECT_TRUE(ServiceTime().is_none());
  EXPECT_TRUE(ServiceTime::parse("none")->is_none());
  EXPECT_EQ(ServiceTime().sample(0.5), 0s);
}

TEST(ServiceTime, FixedIsAlwaysTheSame) {
  const auto time = ServiceTime::parse("fixed:1ms");
  ASSERT_TRUE(time);
  EXPECT_EQ(time->sample(0), 1ms);
  EXPECT_EQ(time->sample(0.999), 1ms);
  EXPECT_EQ(time->mean(), 1ms);
}

TEST(ServiceTime, ExponentialHasItsMeanAndItsTail) {
  const auto time = ServiceTime::parse("exponential:1ms");
  ASSERT_TRUE(time);
  double sum = 0;
  constexpr int kSamples = 10'000;
  for (int i = 0; i < kSamples; ++i) {
    sum += static_cast<double>(time->sample((i + 0.5) / kSamples).count());
  }
  EXPECT_NEAR(sum / kSamples, 1e6, 1e3);
  EXPECT_NEAR(static_cast<double>(time->sample(0.99).count()), 4.605e6, 1e3);
}

TEST(ServiceTime, BimodalIsOneOfTwo) {
  const auto time = ServiceTime::parse("bimodal:100us,10ms,0.01");
  ASSERT_TRUE(time);
  EXPECT_EQ(time->sample(0.0099), 10ms);
  EXPECT_EQ(time->sample(0.01), 100us);
  EXPECT_EQ(time->mean(), 199us);
}

TEST(ServiceTime, ItsTextIsReadBack) {
  for (const char* text : {"none", "fixed:1500us", "exponential:2ms", "bimodal:100us,10ms,0.01"}) {
    EXPECT_EQ(ServiceTime::parse(text)->text(), text);
  }
}

TEST(ServiceTimer, TakesAtLeastTheServiceTime) {
  ServiceTimer timer(*ServiceTime::parse("fixed:2ms"), 1);
  const auto start = std::chrono::steady_clock::now();
  timer.work();
  EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);
}

TEST(ServiceTime, OtherTextIsRefusedByName) {
  for (const char* text : {"", "fixed", "fixed:", "fixed:1", "fixed:1ms,2ms", "fixed:2h",
                           "exponential:fast", "bimodal:1ms", "bimodal:1ms,2ms",
                           "bimodal:1ms,2ms,2", "bimodal:1ms,2ms,x", "uniform:1ms", "1ms"}) {
    const auto time = ServiceTime::parse(text);
    ASSERT_FALSE(time) << text;
    EXPECT_NE(time.error().text.find("bimodal:USUAL,RARE,SHARE"), std::string::npos);
  }
}

}  // namespace
}  // namespace homa::tools
