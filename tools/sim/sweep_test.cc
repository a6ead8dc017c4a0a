#include "tools/sim/sweep.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

auto expanded(const char* text) { return expand_sweep(nlohmann::ordered_json::parse(text)); }

TEST(Sweep, HasEveryCombinationTheLastSettingFastest) {
  const auto runs = expanded(R"({"base": {"seed": 3},
                                 "vary": {"traffic.workload": ["w1", "w4"],
                                          "traffic.load": [0.5, 0.8]}})");
  ASSERT_TRUE(runs) << runs.error().text;
  std::vector<std::string> names;
  for (const SweepRun& run : *runs) names.push_back(run.name);
  EXPECT_EQ(names, (std::vector<std::string>{"w1_0.5", "w1_0.8", "w4_0.5", "w4_0.8"}));
  EXPECT_EQ((*runs)[1].settings["traffic.load"], 0.8);
  EXPECT_EQ((*runs)[1].settings["seed"], 3);
}

TEST(Sweep, WhatIsWrongIsRefusedBeforeAnythingRuns) {
  for (const char* text : {"[]", "{}", R"({"vary": {"seed": 1}})", R"({"vary": {"seed": []}})",
                           R"({"vary": {"no.such": [1]}})", R"({"other": {}, "vary": {}})",
                           R"({"base": {"traffic.load": "much"}, "vary": {"seed": [1]}})"}) {
    const auto runs = expanded(text);
    ASSERT_FALSE(runs) << text;
    EXPECT_EQ(runs.error().code, ErrorCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace homa::tools
