// The benchmark as a user meets it, small: in a lab of its own, and on loopback without root.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/lab/lab.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

using Json = nlohmann::json;

Json bench(std::vector<std::string> arguments) {
  std::vector<std::string> command = {HOMA_COMMAND, "bench", "--json", "-"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const auto output = run_program(command);
  EXPECT_TRUE(output) << output.error().text;
  return output ? Json::parse(*output, nullptr, false) : Json();
}

void expect_clean(const Json& result) {
  EXPECT_GT(result["rpcs"], 50);
  EXPECT_EQ(result["errors"], 0);
  EXPECT_EQ(result["rpcs_started"], result["rpcs_finished"]);
  EXPECT_GT(result["mean_us"], 0);
  EXPECT_GT(result["mean_slowdown"], 0);
  EXPECT_GT(result["goodput_mbps"], 0);
  EXPECT_GT(result["cpu_seconds"], 0);
}

const std::vector<std::string> kSmall = {"--workload", "w4",   "--load",    "0.3",
                                         "--duration", "1.5s", "--warm-up", "300ms"};

TEST(Bench, HomaAndTcpOnLoopbackNeedNoRoot) {
  std::vector<std::string> arguments = {"--loopback", "--protocol", "homa,tcp-cubic"};
  arguments.insert(arguments.end(), kSmall.begin(), kSmall.end());
  const Json json = bench(arguments);
  ASSERT_EQ(json["results"].size(), 2U);
  EXPECT_EQ(json["results"][0]["protocol"], "homa");
  EXPECT_EQ(json["results"][1]["protocol"], "tcp-cubic");
  for (const Json& result : json["results"]) expect_clean(result);
}

TEST(Bench, HomaAndTcpInALabOfItsOwnThatIsGoneAfterwards) {
  if (const auto able = lab_available(); !able) GTEST_SKIP() << able.error().text;
  std::vector<std::string> arguments = {"--protocol", "homa,tcp-bbr", "--hosts", "3"};
  arguments.insert(arguments.end(), kSmall.begin(), kSmall.end());
  const Json json = bench(arguments);
  ASSERT_EQ(json["results"].size(), 2U);
  for (const Json& result : json["results"]) expect_clean(result);
  for (const Lab& lab : labs()) {
    EXPECT_TRUE(lab.config().owner == 0 || lab.config().name.find("bench-") != 0)
        << lab.config().name;
  }
}

TEST(Bench, HostsThatUseAllTheirProcessorsGetTheNetworksToo) {
  if (const auto able = lab_available(); !able) GTEST_SKIP() << able.error().text;
  if (allowed_cpus().size() < 2) GTEST_SKIP() << "this process may use one processor only";
  // Hosts that spin use everything; the next run of the session begins with shared processors.
  const Json json = bench({"--protocol", "homa,tcp", "--poll", "1000000", "--workload", "1000",
                           "--load", "0.05", "--warm-up", "1s", "--duration", "2500ms"});
  ASSERT_EQ(json["results"].size(), 2U);
  for (const Json& result : json["results"]) expect_clean(result);
  EXPECT_EQ(json["results"][0]["gave_network_cpu"], true);
  EXPECT_EQ(json["results"][1]["gave_network_cpu"], false) << "there was none left to give";
}

TEST(Bench, HomaLosesNothingWhenOnePercentOfPacketsAreLost) {
  const Json json = bench({"--loopback", "--hosts", "2", "--workload", "w3", "--concurrency", "4",
                           "--rpcs", "4000", "--loss", "0.01"});
  ASSERT_EQ(json["results"].size(), 1U);
  const Json& result = json["results"][0];
  expect_clean(result);
  EXPECT_EQ(result["rpcs"], 4'000);
  EXPECT_GT(result["retransmissions"], 0);
  // A lost packet costs a resend timer (5 ms) or a few, not a timeout.
  EXPECT_LT(result["all"]["p99_us"], 50'000);
}

TEST(Bench, EveryHostWritesItsCapture) {
  if (const auto able = lab_available(); !able) GTEST_SKIP() << able.error().text;
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / fmt::format("captures-{}", ::getpid());
  std::filesystem::create_directory(folder);
  expect_clean(bench({"--hosts", "2", "--workload", "w3", "--concurrency", "4", "--rpcs", "200",
                      "--pcap", folder / "x.pcap"})["results"][0]);
  for (const char* name : {"x-1.pcap", "x-2.pcap"}) {
    const auto dumped = run_program({HOMA_COMMAND, "dump", folder / name});
    EXPECT_TRUE(dumped) << dumped.error().text;
    if (dumped) {
      EXPECT_NE(dumped->find("DATA"), std::string::npos);
    }
  }
  std::filesystem::remove_all(folder);
}

TEST(Bench, UnloadedComparesWithABareEcho) {
  const Json json =
      bench({"--loopback", "--unloaded", "--protocol", "udp-echo,homa", "--workload", "100"});
  ASSERT_EQ(json["unloaded"].size(), 2U);
  EXPECT_EQ(json["unloaded"][0]["protocol"], "udp-echo");
  EXPECT_EQ(json["unloaded"][1]["protocol"], "homa");
  EXPECT_GT(json["unloaded"][1]["ratio"], 0);
}

TEST(Bench, AWrongCommandLineIsRefusedInWords) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--protocol", "quic"},
                                                {"--workload", "w9"},
                                                {"--rate", "fast"},
                                                {"--protocol", "udp-echo"},
                                                {"--response", "0"}}) {
    std::vector<std::string> command = {HOMA_COMMAND, "bench", "--loopback"};
    command.insert(command.end(), wrong.begin(), wrong.end());
    const auto output = run_program(command);
    ASSERT_FALSE(output) << wrong.back();
    EXPECT_NE(output.error().text.find("status 2"), std::string::npos) << output.error().text;
  }
}

}  // namespace
}  // namespace homa::tools
