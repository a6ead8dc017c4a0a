#include "tools/options/host_options.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace homa::tools {
namespace {

using namespace std::chrono_literals;

struct Parsed {
  CLI::App app;
  HostOptions options;
  std::string problem;
};

std::unique_ptr<Parsed> parsed(std::vector<std::string> words) {
  auto result = std::make_unique<Parsed>();
  result->options.add_to(result->app);
  std::reverse(words.begin(), words.end());
  try {
    result->app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    result->problem = error.what();
  }
  return result;
}

TEST(HostOptions, WithoutOptionsItIsTheDefaultHost) {
  const HostConfig config = parsed({})->options.host_config();
  const HostConfig standard;
  EXPECT_EQ(config.backend, standard.backend);
  EXPECT_EQ(config.udp_port, standard.udp_port);
  EXPECT_EQ(config.takeover, standard.takeover);
  EXPECT_EQ(config.run_in_callers, standard.run_in_callers);
  EXPECT_EQ(config.poll, standard.poll);
  EXPECT_EQ(config.coalesce, standard.coalesce);
  EXPECT_EQ(config.cpu_latency, standard.cpu_latency);
  EXPECT_EQ(config.receive_bytes, standard.receive_bytes);
  EXPECT_EQ(config.transmit_bytes, standard.transmit_bytes);
  EXPECT_TRUE(config.parameters.empty());
}

TEST(HostOptions, TimesAndSizesHaveTheUnitsThatWereGiven) {
  const HostConfig config = parsed({"--poll", "20", "--coalesce", "1ms", "--cpu-latency", "0",
                                    "--receive-memory", "8", "--transmit-memory", "16mib"})
                                ->options.host_config();
  EXPECT_EQ(config.poll, 20us);
  EXPECT_EQ(config.coalesce, 1000us);
  EXPECT_EQ(config.cpu_latency, 0us);
  EXPECT_EQ(config.receive_bytes, 8U << 20);
  EXPECT_EQ(config.transmit_bytes, 16U << 20);
}

TEST(HostOptions, TheEngineMayBeKeptInTheLibrarysThread) {
  EXPECT_TRUE(parsed({})->options.host_config().run_in_callers);
  EXPECT_FALSE(parsed({"--library-thread"})->options.host_config().run_in_callers);
  EXPECT_EQ(parsed({"--takeover", "2ms"})->options.host_config().takeover, 2ms);
}

TEST(HostOptions, WhetherPollingWasChosenIsKnown) {
  EXPECT_EQ(parsed({})->options.poll(), std::nullopt);
  EXPECT_EQ(parsed({"--poll", "5"})->options.poll(), 5us);
}

TEST(HostOptions, AClientTakesAnyUdpPortUnlessOneIsChosen) {
  auto client = std::make_unique<Parsed>();
  client->options.use_any_udp_port();
  client->options.add_to(client->app);
  client->app.parse(std::vector<std::string>{});
  EXPECT_EQ(client->options.host_config().udp_port, 0);
  EXPECT_EQ(parsed({"--udp-port", "7000"})->options.host_config().udp_port, 7000);
}

TEST(HostOptions, ParametersAreCheckedWhileParsing) {
  EXPECT_EQ(parsed({"--set", "overcommit=4"})->options.host_config().parameters.at("overcommit"),
            "4");
  EXPECT_NE(parsed({"--set", "nonsense=4"})->problem.find("nonsense"), std::string::npos);
  EXPECT_NE(parsed({"--set", "overcommit"})->problem.find("NAME=VALUE"), std::string::npos);
  EXPECT_NE(parsed({"--udp-port", "70000"})->problem.find("70000"), std::string::npos);
  EXPECT_NE(parsed({"--loss", "2"})->problem, "");
}

}  // namespace
}  // namespace homa::tools
