#include "tools/lab/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace homa::tools {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

TEST(LabPlan, ASwitchPortHasAClassAndAQueuePerPriority) {
  const std::string script = switch_port_script(LabConfig{}, "p1");
  EXPECT_EQ(count(script, "pfifo limit 200"), 8U);
  EXPECT_EQ(count(script, "class add"), 9U);  // and the root
  EXPECT_EQ(count(script, "protocol ip "), 7U);
  EXPECT_EQ(count(script, "protocol ipv6 "), 7U);
  EXPECT_NE(script.find("match u8 0xe0 0xe0 at 1 flowid 1:17"), std::string::npos);
  EXPECT_NE(script.find("match u16 0xe00 0x0e00 at 0 flowid 1:17"), std::string::npos);
}

TEST(LabPlan, FewerPrioritiesLetTheLowLevelsShareTheDefaultClass) {
  LabConfig config;
  config.priorities = 2;
  const std::string script = switch_port_script(config, "p1");
  EXPECT_EQ(count(script, "pfifo"), 2U);
  EXPECT_EQ(count(script, "protocol ip "), 1U);
  EXPECT_NE(script.find("default 10"), std::string::npos);
  EXPECT_NE(script.find("classid 1:10"), std::string::npos);
  config.priorities = 1;
  EXPECT_EQ(count(switch_port_script(config, "p1"), "filter"), 0U);
}

TEST(LabPlan, ABufferInBytesBoundsBytes) {
  LabConfig config;
  config.buffer = 64'000;
  config.buffer_in_bytes = true;
  EXPECT_EQ(count(switch_port_script(config, "p1"), "bfifo limit 64000"), 8U);
}

TEST(LabPlan, EveryHostKnowsEveryOther) {
  LabConfig config;
  config.hosts = 3;
  const LabPlan plan = plan_lab(Lab(config));
  std::string all;
  for (const LabStep& step : plan.steps) all += step.input;
  EXPECT_EQ(count(all, "neigh replace"), 12U);  // 3 hosts, 2 others, 2 families
}

TEST(LabPlan, TheNetworksProcessorHandlesWhatEveryDeviceReceives) {
  const auto files = [](const LabConfig& config) {
    std::size_t found = 0;
    for (const LabStep& step : plan_lab(Lab(config)).steps) {
      for (const std::string& word : step.command) found += word.ends_with("/rps_cpus") ? 1U : 0U;
    }
    return found;
  };
  LabConfig config;
  EXPECT_EQ(files(config), 0U);
  config.network_cpu = 1;
  EXPECT_EQ(files(config), 8U);  // 4 hosts, 4 ports
  EXPECT_EQ(cpu_mask(1), "2");
  EXPECT_EQ(cpu_mask(65), "2,00000000,00000000");
}

TEST(LabPlan, WithoutARateThereAreNoQueues) {
  LabConfig config;
  config.rate = 0;
  for (const LabStep& step : plan_lab(Lab(config)).steps) {
    EXPECT_EQ(step.input.find("qdisc"), std::string::npos);
  }
}

TEST(LabConfig, WrongValuesAreRefusedByName) {
  LabConfig config;
  EXPECT_TRUE(config.validate());
  config.name = "a b";
  EXPECT_FALSE(config.validate());
  config = {};
  config.hosts = 0;
  EXPECT_FALSE(config.validate());
  config = {};
  config.rate = 1000;
  EXPECT_FALSE(config.validate());
  config = {};
  config.direct = true;
  EXPECT_FALSE(config.validate());
}

}  // namespace
}  // namespace homa::tools
