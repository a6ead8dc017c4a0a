#include "tools/demo/comparison.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

BenchResult result(const std::string& protocol, int connections, double short_p99_us,
                   double mean_us, bool sustained = true) {
  BenchResult one;
  if (protocol == "grpc") {
    one.protocol = {BenchProtocol::Kind::kGrpc, "", connections};
  } else if (protocol != "homa") {
    one.protocol = {BenchProtocol::Kind::kTcp, protocol.substr(4), connections};
  }
  one.run.sustained = sustained;
  one.run.goodput_bits_per_second = 100e6;
  one.figures.short_half.round_trip_us.p99 = short_p99_us;
  one.figures.short_half.slowdown.p99 = short_p99_us / 200;
  one.figures.all.round_trip_us = {10, mean_us, mean_us, mean_us, mean_us};
  SizeFigures size;
  size.bytes_max = 100;
  size.round_trip_us.p99 = short_p99_us;
  one.figures.sizes = {size};
  return one;
}

DemoPart part(std::vector<BenchResult> runs) { return {"w4", 0.8, std::move(runs)}; }

TEST(Demo, TheBestRunOfATcpIsTheOneWithTheLowestShortP99) {
  const DemoPart runs = part({result("tcp-cubic", 1, 900, 1), result("tcp-cubic", 4, 500, 2),
                              result("tcp-cubic", 8, 700, 3), result("tcp-bbr", 8, 100, 3)});
  EXPECT_EQ(best_run(runs, "tcp-cubic")->protocol.connections, 4);
  EXPECT_EQ(best_run(runs, "homa"), nullptr);
}

TEST(Demo, ARunThatKeptUpIsBetterThanOneThatDidNot) {
  const DemoPart runs =
      part({result("tcp-cubic", 1, 900, 1), result("tcp-cubic", 4, 500, 2, false)});
  EXPECT_EQ(best_run(runs, "tcp-cubic")->protocol.connections, 1);
}

TEST(Demo, OfSeveralRunsTheMedianCountsAndTheSpreadIsTold) {
  const DemoPart all = part({result("homa", 0, 900, 1), result("tcp-bbr", 8, 5, 1),
                             result("homa", 0, 700, 2), result("homa", 0, 800, 3)});
  const DemoPart middle = medians(all);
  ASSERT_EQ(middle.runs.size(), 2U);
  EXPECT_EQ(middle.workload, "w4");
  EXPECT_DOUBLE_EQ(middle.runs[0].figures.short_half.round_trip_us.p99, 800);
  EXPECT_DOUBLE_EQ(middle.runs[0].short_p99.least, 700);
  EXPECT_DOUBLE_EQ(middle.runs[0].short_p99.greatest, 900);
  EXPECT_EQ(middle.runs[1].protocol.name(), "tcp-bbr");
}

TEST(Demo, ATcpInAnotherPlaceIsAProtocolOfItsOwn) {
  DemoPart runs = part({result("tcp-cubic", 8, 900, 1), result("tcp-cubic", 8, 500, 2)});
  runs.runs[1].protocol.variant = "small-buffers";
  EXPECT_EQ(medians(runs).runs.size(), 2U);
  EXPECT_DOUBLE_EQ(best_run(runs, "tcp-cubic")->figures.short_half.round_trip_us.p99, 900);
}

TEST(Demo, TheVerdictComparesWithTheBestOfAnyTcp) {
  const DemoVerdict all =
      verdict(part({result("homa", 0, 1'000, 2'000), result("tcp-cubic", 1, 90'000, 8'000),
                    result("tcp-bbr", 4, 200'000, 6'000)}));
  EXPECT_TRUE(all.complete);
  EXPECT_DOUBLE_EQ(all.short_p99_ratio, 90);
  EXPECT_DOUBLE_EQ(all.mean_ratio, 3);
  EXPECT_DOUBLE_EQ(all.goodput_ratio, 1);
  EXPECT_DOUBLE_EQ(all.short_slowdown_p99, 5);
  EXPECT_TRUE(all.worse.empty());
}

TEST(Demo, TheVerdictNamesSizesWhereTcpIsBetter) {
  const DemoVerdict worse =
      verdict(part({result("homa", 0, 1'000, 2'000), result("tcp-cubic", 1, 900, 8'000)}));
  EXPECT_EQ(worse.worse, std::vector<std::uint32_t>{100});
  EXPECT_FALSE(verdict(part({result("homa", 0, 1'000, 2'000)})).complete);
}

TEST(Demo, GrpcHasAColumnWhereItRanAndIsNoTcp) {
  const DemoPart with =
      part({result("homa", 0, 1'000, 2'000), result("tcp-cubic", 1, 90'000, 8'000),
            result("grpc", 1, 80'000, 7'000), result("grpc", 8, 500, 1'000)});
  const DemoPart without = part({result("homa", 0, 1'000, 2'000)});
  EXPECT_NE(to_table(with, 4).find("grpc, best: x8"), std::string::npos);
  EXPECT_EQ(to_table(without, 4).find("grpc"), std::string::npos);
  EXPECT_DOUBLE_EQ(verdict(with).short_p99_ratio, 90);
  EXPECT_TRUE(verdict(with).worse.empty());
  EXPECT_FALSE(verdict(part({result("homa", 0, 1, 2), result("grpc", 1, 80, 7)})).complete);
}

TEST(Demo, TheJsonHasTheNamesThatScriptsRelyOn) {
  const auto json = to_json({part({result("homa", 0, 1'000, 2'000), result("tcp-bbr", 4, 9e3, 8e3),
                                   result("tcp-bbr", 8, 8e3, 8e3)})},
                            "here", 4);
  ASSERT_EQ(json["results"].size(), 2U);
  for (const auto& one : json["results"]) {
    for (const char* name :
         {"protocol", "connections", "workload", "load", "rpcs", "mean_us", "mean_slowdown",
          "short_half", "sizes", "goodput_mbps", "cpu_seconds", "sustained", "errors"}) {
      EXPECT_TRUE(one.contains(name)) << name;
    }
    for (const char* name : {"p50_us", "p99_us", "slowdown_p99"}) {
      EXPECT_TRUE(one["short_half"].contains(name)) << name;
    }
    for (const char* name :
         {"bytes_max", "count", "p50_us", "p99_us", "slowdown_p50", "slowdown_p99"}) {
      EXPECT_TRUE(one["sizes"][0].contains(name)) << name;
    }
  }
  EXPECT_EQ(json["results"][1]["protocol"], "tcp-bbr");
  EXPECT_EQ(json["results"][1]["connections"], 8);
  EXPECT_EQ(json["all_runs"].size(), 3U);
}

}  // namespace
}  // namespace homa::tools
