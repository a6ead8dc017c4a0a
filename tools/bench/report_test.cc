#include "tools/bench/report.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

BenchResult result() {
  BenchResult result;
  result.load.workload = sim::WorkloadDistribution::fixed(100);
  const std::vector<BenchSample> samples = {{40'000, 100, 0}, {80'000, 100, 0}};
  const UnloadedCurve idle(std::vector<BenchSample>{{10'000, 100, 0}});
  result.figures = figures(samples, result.load.workload, idle, idle);
  result.run.cpu_seconds = 1.5;
  result.run.machine_cpu_seconds = 2.5;
  result.run.goodput_bits_per_second = 8e6;
  return result;
}

TEST(BenchReport, TableAndJsonSayTheSame) {
  const BenchResult one = result();
  const nlohmann::json json = to_json(one, 4);
  const std::string table = to_table(one, 4);
  EXPECT_EQ(json["rpcs"], 2);
  EXPECT_DOUBLE_EQ(json["all"]["slowdown_p99"], 8);
  EXPECT_DOUBLE_EQ(json["goodput_per_link_mbps"], 2);
  EXPECT_NE(table.find("8.0 Mbit/s (2.0 per link and direction)"), std::string::npos) << table;
}

TEST(BenchReport, TheMachinesTimeStandsBesideTheHosts) {
  const BenchResult one = result();
  EXPECT_DOUBLE_EQ(to_json(one, 4)["machine_cpu_seconds"], 2.5);
  EXPECT_NE(to_table(one, 4).find("1.50 CPU s of the hosts, 2.50 of the machine"),
            std::string::npos)
      << to_table(one, 4);
}

TEST(BenchReport, TroubleIsSaidInWordsAndOnlyThen) {
  BenchResult one = result();
  EXPECT_EQ(to_table(one, 4).find("SUSTAINED"), std::string::npos);
  one.run.sustained = false;
  one.run.backlog_growth = 0.25;
  one.run.corrupt = 3;
  one.run.rpcs_failed = 2;
  one.run.unfinished = 4;
  const std::string table = to_table(one, 4);
  EXPECT_NE(table.find("NOT SUSTAINED: 25.0 %"), std::string::npos);
  EXPECT_NE(table.find("3 MESSAGES WERE CORRUPT"), std::string::npos);
  EXPECT_EQ(to_json(one, 4)["errors"], 9);
}

TEST(BenchReport, HandlersAreNamedWhereTheyTakeTime) {
  BenchResult one = result();
  EXPECT_EQ(to_table(one, 4).find("handlers"), std::string::npos);
  one.service = "fixed:1ms in 8 threads";
  EXPECT_NE(to_table(one, 4).find("handlers: fixed:1ms in 8 threads"), std::string::npos);
}

}  // namespace
}  // namespace homa::tools
