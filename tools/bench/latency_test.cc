#include "tools/bench/latency.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tools/options/command.h"

namespace homa::tools {
namespace {

using Json = nlohmann::json;

const BenchProtocol kUdpEcho{BenchProtocol::Kind::kUdpEcho, "", 1};
const BenchProtocol kTcp{BenchProtocol::Kind::kTcp, "cubic", 1};

// Runs a plan on loopback; `report`: what it wrote to a file.
int latency(const LatencyPlan& plan, Json& report) {
  BenchPlace place;
  place.loopback = true;
  place.lab.hosts = 2;
  auto session = BenchSession::open(place, {});
  EXPECT_TRUE(session) << session.error().text;
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / ("latency-" + std::to_string(::getpid()));
  const int status = run_latency(*session, plan, file);
  std::ifstream in(file);
  report = Json::parse(in, nullptr, false);
  std::filesystem::remove(file);
  return status;
}

LatencyPlan plan_of(std::vector<BenchProtocol> protocols) {
  LatencyPlan plan;
  plan.protocols = std::move(protocols);
  plan.sizes.sizes = {10, 1'000};
  plan.sizes.per_size = std::chrono::milliseconds(5);
  plan.rounds = 3;
  return plan;
}

TEST(Latency, EveryProtocolAndSizeIsMeasuredInEveryRoundAndComparedWithTheEcho) {
  Json report;
  testing::internal::CaptureStdout();
  ASSERT_EQ(latency(plan_of({kTcp, kUdpEcho}), report), kSuccess);
  const std::string printed = testing::internal::GetCapturedStdout();
  ASSERT_EQ(report["unloaded"].size(), 4U);
  for (const Json& each : report["unloaded"]) {
    // At least repeats_min in each of the rounds.
    EXPECT_GE(each["count"], 3 * UnloadedPlan{}.repeats_min) << each;
    EXPECT_LE(each["min_us"], each["median_us"]) << each;
    EXPECT_EQ(each["ratio_to"], "udp-echo") << each;
    EXPECT_EQ(each["ratio"] == 1.0, each["protocol"] == "udp-echo") << each;
  }
  EXPECT_NE(printed.find("x udp-echo"), std::string::npos) << printed;
}

TEST(Latency, WithoutAnEchoThereIsNoRatio) {
  Json report;
  testing::internal::CaptureStdout();
  ASSERT_EQ(latency(plan_of({kTcp}), report), kSuccess);
  testing::internal::GetCapturedStdout();
  ASSERT_EQ(report["unloaded"].size(), 2U);
  EXPECT_FALSE(report["unloaded"][0].contains("ratio"));
}

TEST(Latency, AProtocolThatCannotRunIsAnErrorAndNoReport) {
  Json report;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_NE(latency(plan_of({{BenchProtocol::Kind::kTcp, "nonesuch", 1}}), report), kSuccess);
  testing::internal::GetCapturedStdout();
  const std::string error = testing::internal::GetCapturedStderr();
  EXPECT_NE(error.find("nonesuch"), std::string::npos) << error;
  EXPECT_TRUE(report.is_discarded());
}

}  // namespace
}  // namespace homa::tools
