#include "tools/sim/fields.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

TEST(SimFields, EachSettingsTextSetsItBack) {
  sim::SimConfig config;
  for (const SimField& field : sim_fields(config)) {
    const std::string text = field.get();
    EXPECT_TRUE(field.set(text) || text.empty()) << field.name << " = " << text;
    EXPECT_EQ(field.get(), text) << field.name;
    EXPECT_FALSE(field.meaning.empty()) << field.name;
  }
}

TEST(SimFields, ValuesHaveUnits) {
  sim::SimConfig config;
  ASSERT_TRUE(set_sim_field(config, "topology.host_rate", "25gbit"));
  EXPECT_EQ(config.topology.host_bits_per_second, 25'000'000'000U);
  ASSERT_TRUE(set_sim_field(config, "switch.buffer_bytes", "500kb"));
  EXPECT_EQ(config.switches.buffer_bytes, 500'000U);
  ASSERT_TRUE(set_sim_field(config, "core.overcommit", "4"));
  EXPECT_EQ(config.homa.core.overcommit, 4U);
}

TEST(SimFields, WhatIsWrongIsNamed) {
  sim::SimConfig config;
  for (const auto& [name, value] : {std::pair{"topology.kind", "ring"},
                                    {"traffic.load", "much"},
                                    {"topology.hosts", "-1"},
                                    {"no.such", "1"},
                                    {"core.no_such", "1"}}) {
    const auto set = set_sim_field(config, name, value);
    ASSERT_FALSE(set) << name;
    EXPECT_EQ(set.error().code, ErrorCode::kInvalidArgument);
    const std::string_view last =
        std::string_view(name).substr(std::string_view(name).find('.') + 1);
    EXPECT_NE(set.error().text.find(last), std::string::npos) << set.error().text;
  }
}

TEST(SimFields, ObjectsMayBeNestedOrDotted) {
  sim::SimConfig config;
  ASSERT_TRUE(set_sim_fields(
      config, nlohmann::json::parse(R"({"topology": {"hosts": 12}, "traffic.load": 0.25})")));
  EXPECT_EQ(config.topology.hosts, 12U);
  EXPECT_EQ(config.traffic.load, 0.25);
  EXPECT_FALSE(set_sim_fields(config, nlohmann::json::parse("[1]")));
}

}  // namespace
}  // namespace homa::tools
