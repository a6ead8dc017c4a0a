#include "preload/settings.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace homa::preload {
namespace {

Result<HostConfig, Error> read(const std::vector<std::string>& lines) {
  std::vector<const char*> environment;
  for (const std::string& line : lines) environment.push_back(line.c_str());
  environment.push_back(nullptr);
  return read_settings(environment.data());
}

TEST(Settings, WhatIsWrittenIsReadAgain) {
  HostConfig config;
  config.engine = EngineChoice::kOwn;
  config.backend = "raw";
  config.address = "10.0.0.1";
  config.udp_port = 7000;
  config.poll = std::chrono::microseconds(0);
  config.run_in_callers = false;
  config.coalesce = std::chrono::microseconds(12);
  config.receive_bytes = 1 << 28;
  config.parameters = {{"overcommit", "4"}, {"link_bits_per_second", "10G"}};
  config.loss = 0.015;
  config.pcap = "/tmp/a file.pcap";
  const auto lines = write_settings(config);
  EXPECT_EQ(lines.size(), 11U) << "only what differs from the defaults";
  const auto again = read(lines);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(write_settings(*again), lines);
  EXPECT_EQ(again->parameters, config.parameters);
  EXPECT_EQ(again->loss, config.loss);
  EXPECT_EQ(again->pcap, config.pcap);
  EXPECT_EQ(again->coalesce, config.coalesce);
}

TEST(Settings, EveryOneCanBeSetByItsName) {
  EXPECT_TRUE(write_settings(HostConfig{}).empty());
  for (const SettingName& setting : setting_names()) {
    const std::string name = setting.name;
    const std::string value = name == "HOMA_RUN_SET"      ? "a=1"
                              : name == "HOMA_RUN_ENGINE" ? "own"
                                                          : "0";
    const auto config = read({name + "=" + value});
    EXPECT_TRUE(config) << name;
  }
}

TEST(Settings, MistakesAreNamed) {
  EXPECT_NE(read({"HOMA_RUN_BACKEND=raw"}).error().text.find("HOMA_RUN_BACKEND"),
            std::string::npos);
  for (const char* wrong : {"HOMA_RUN_UDP_PORT=65536", "HOMA_RUN_UDP_PORT", "HOMA_RUN_LOSS=2",
                            "HOMA_RUN_SET=overcommit", "HOMA_RUN_POLL=soon",
                            "HOMA_RUN_IN_CALLERS=perhaps", "HOMA_RUN_ENGINE=any"}) {
    const auto config = read({wrong});
    ASSERT_FALSE(config) << wrong;
    EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(read({"HOMA_TEST_SEED=1", "PATH=/bin", "HOMA_RUN_IO=raw"}));
}

}  // namespace
}  // namespace homa::preload
