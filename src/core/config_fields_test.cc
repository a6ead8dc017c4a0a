#include "core/config_fields.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>

namespace homa::core {
namespace {

TEST(ConfigFields, SetsEachKindOfField) {
  CoreConfig config;
  ASSERT_TRUE(set_field(config, "unscheduled_bytes", "20k"));
  EXPECT_EQ(config.unscheduled_bytes, 20'000U);
  ASSERT_TRUE(set_field(config, "link_bits_per_second", "25G"));
  EXPECT_EQ(config.link_bits_per_second, 25'000'000'000U);
  ASSERT_TRUE(set_field(config, "link_bits_per_second", "200mbit"));
  EXPECT_EQ(config.link_bits_per_second, 200'000'000U);
  ASSERT_TRUE(set_field(config, "max_incoming", "64kib"));
  EXPECT_EQ(config.max_incoming, 65'536U);
  ASSERT_TRUE(set_field(config, "nic_backlog_max", "12us"));
  EXPECT_EQ(config.nic_backlog_max, Duration(12'000));
  ASSERT_TRUE(set_field(config, "cutoff_interval", "0"));
  EXPECT_EQ(config.cutoff_interval, Duration(0));
  ASSERT_TRUE(set_field(config, "cutoffs", "1,2,3,4,5,6,7,8"));
  EXPECT_EQ(config.cutoffs[7], 8U);
  ASSERT_TRUE(set_field(config, "priorities", "4"));
  EXPECT_EQ(config.priorities, 4);
}

TEST(ConfigFields, WhatCountsFromTheStartIsNotChangedLater) {
  CoreConfig config;
  ASSERT_TRUE(change_field(config, "unscheduled_bytes", "20k"));
  EXPECT_EQ(config.unscheduled_bytes, 20'000U);
  const auto late = change_field(config, "rpcs_max", "64");
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().text.find("rpcs_max counts from the start"), std::string::npos);
  EXPECT_EQ(config.rpcs_max, CoreConfig{}.rpcs_max);
}

TEST(ConfigFields, AChangeThatWouldBeInvalidChangesNothing) {
  CoreConfig config;
  for (const auto& [name, value] : std::map<std::string, std::string>{{"unscheduled_bytes", "0"},
                                                                      {"window", "2G"},
                                                                      {"resend_ticks", "100"},
                                                                      {"no_such_thing", "1"}}) {
    const auto refused = change_field(config, name, value);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(config.unscheduled_bytes, CoreConfig{}.unscheduled_bytes);
  EXPECT_EQ(config.window, CoreConfig{}.window);
  EXPECT_EQ(config.resend_ticks, CoreConfig{}.resend_ticks);
}

TEST(ConfigFields, RefusesWhatIsNotAValueAndSaysWhatIs) {
  CoreConfig config;
  for (const auto& [name, value] :
       std::map<std::string, std::string>{{"unscheduled_bytes", "x"},
                                          {"max_incoming", "-1"},
                                          {"overcommit", "5000000000"},
                                          {"tick", "5"},
                                          {"resend_ticks", ""},
                                          {"priorities", "256"},
                                          {"cutoffs", "1,2,3"},
                                          {"canary_no_grants", "yes"},
                                          {"link_bits_per_second", "99999999999G"},
                                          {"rpcs_max", "5kb"},
                                          {"buffer_wait_max", "1s "}}) {
    const auto set = set_field(config, name, value);
    ASSERT_FALSE(set) << name;
    EXPECT_NE(set.error().text.find(name), std::string::npos) << set.error().text;
    EXPECT_EQ(set.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_NE(set_field(config, "no_such", "1").error().text.find("no_such"), std::string::npos);
}

TEST(ConfigFields, EveryFieldsTextSetsItBack) {
  CoreConfig config;
  for (const ConfigField& field : config_fields()) {
    const std::string text = field.get(config);
    ASSERT_TRUE(field.set(config, text)) << field.name << " = " << text;
    EXPECT_EQ(field.get(config), text);
    EXPECT_FALSE(field.meaning.empty());
  }
}

// A field that is added to CoreConfig has to get a line in the table.
TEST(ConfigFields, NameEveryFieldOfTheStruct) {
  std::set<std::string> named;
  for (const ConfigField& field : config_fields()) named.emplace(field.name);
  std::ifstream header(HOMA_SOURCE_DIR "/src/core/config.h");
  ASSERT_TRUE(header);
  const std::regex declaration(R"(^  [A-Za-z_:<>, 0-9]+ ([a-z_]+)( = |\{).*;.*)");
  std::size_t found = 0;
  for (std::string line; std::getline(header, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, declaration)) continue;
    ++found;
    EXPECT_TRUE(named.contains(match[1].str())) << match[1].str();
  }
  EXPECT_EQ(found, named.size());
}

}  // namespace
}  // namespace homa::core
