#include "tools/ping/outcomes.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

using namespace std::chrono_literals;

TEST(PingOutcomes, WithoutAnswersThereAreNoTimes) {
  PingOutcomes outcomes;
  outcomes.failed("timeout");
  outcomes.failed("timeout");
  const auto json = outcomes.to_json("h:1", 100);
  EXPECT_EQ(json["sent"], 2);
  EXPECT_EQ(json["answered"], 0);
  EXPECT_FALSE(json.contains("p99_us"));
  EXPECT_EQ(json["errors"]["timeout"], 2);
  EXPECT_FALSE(outcomes.all_answered());
  EXPECT_NE(outcomes.to_text("h:1", 100).find("2 times: timeout"), std::string::npos);
}

TEST(PingOutcomes, SummarizesRoundTrips) {
  PingOutcomes outcomes;
  for (int i = 1; i <= 100; ++i) outcomes.answered(std::chrono::nanoseconds(i));
  outcomes.answered(2ms);
  EXPECT_TRUE(outcomes.all_answered());
  const auto json = outcomes.to_json("h:1", 100);
  EXPECT_EQ(json["answered"], 101);
  EXPECT_DOUBLE_EQ(json["min_us"], 0.001);
  EXPECT_DOUBLE_EQ(json["p50_us"], 0.051);
  EXPECT_DOUBLE_EQ(json["p99_us"], 0.1);
  EXPECT_DOUBLE_EQ(json["max_us"], 2000);
  EXPECT_NE(outcomes.to_text("h:1", 100).find("max 2000.0"), std::string::npos);
}

TEST(PingOutcomes, OneFailureAmongAnswersIsNoSuccess) {
  PingOutcomes outcomes;
  EXPECT_FALSE(outcomes.all_answered());
  outcomes.answered(1us);
  EXPECT_TRUE(outcomes.all_answered());
  outcomes.failed("refused");
  EXPECT_FALSE(outcomes.all_answered());
  EXPECT_EQ(outcomes.sent(), 2U);
}

}  // namespace
}  // namespace homa::tools
