#include "daemon/config.h"

#include <gtest/gtest.h>

#include <fstream>

namespace homa::daemon {
namespace {

DaemonConfig parsed(std::string_view text) {
  auto config = parse_config(text, "homad.toml");
  EXPECT_TRUE(config) << config.error().text;
  return config ? *config : DaemonConfig{};
}
std::string error_of(std::string_view text) {
  const auto config = parse_config(text, "homad.toml");
  return config ? "none" : config.error().text;
}

TEST(Config, WithoutAFileEverythingHasItsDefault) {
  const DaemonConfig config = parsed("");
  EXPECT_EQ(config.socket, "/run/homa/homad.sock");
  EXPECT_TRUE(config.sandbox);
  EXPECT_EQ(config.host.backend, "udp");
  EXPECT_EQ(config.policy.limits({1, 1000, {1000}}).receive_bytes, 16U << 20);
  EXPECT_FALSE(config.policy.refuses({1, 1000, {1000}}, 1));
}

TEST(Config, SaysWhatTheEngineIs) {
  const DaemonConfig config = parsed(R"(
    socket = "/tmp/h.sock"
    sandbox = false
    [engine]
    io = "raw"
    address = "10.0.0.1"
    udp_port = 7000
    poll = "20us"
    [parameters]
    unscheduled_bytes = 20000
    link_bits_per_second = "25G"
    [log]
    level = "debug"
    format = "json"
  )");
  EXPECT_EQ(config.socket, "/tmp/h.sock");
  EXPECT_FALSE(config.sandbox);
  EXPECT_EQ(config.host.backend, "raw");
  EXPECT_EQ(config.host.udp_port, 7000);
  EXPECT_EQ(config.host.poll, std::chrono::microseconds(20));
  EXPECT_EQ(config.host.parameters.at("unscheduled_bytes"), "20000");
  EXPECT_EQ(config.host.parameters.at("link_bits_per_second"), "25G");
  EXPECT_EQ(config.log_level, LogLevel::kDebug);
  EXPECT_EQ(config.log_format, LogFormat::kJson);
}

TEST(Config, LimitsAreByUserThenByGroupThenTheUsualOnes) {
  const DaemonConfig config = parsed(R"(
    [limits]
    receive_memory = "8mib"
    sockets = 10
    [[limits_of]]
    group = "root"
    receive_memory = "32mib"
    [[limits_of]]
    user = "root"
    sockets = 20
  )");
  EXPECT_EQ(config.policy.limits({1, 1000, {1000}}).receive_bytes, 8U << 20);
  EXPECT_EQ(config.policy.limits({1, 1000, {1000, 0}}).receive_bytes, 32U << 20);
  EXPECT_EQ(config.policy.limits({1, 1000, {1000, 0}}).sockets, 10U) << "as for all";
  EXPECT_EQ(config.policy.limits({1, 0, {0}}).sockets, 20U);
  EXPECT_EQ(config.policy.limits({1, 0, {0}}).receive_bytes, 8U << 20);
}

TEST(Config, PortsAreForThoseWhomARuleNames) {
  const DaemonConfig config = parsed(R"(
    [[ports]]
    ports = "1-1023"
    groups = ["daemon"]
    [[ports]]
    ports = 4000
    users = ["daemon"]
  )");
  const Credentials user{1, 1000, {1000}}, daemon{2, 1, {1}};
  EXPECT_FALSE(config.policy.refuses(user, 1024));
  EXPECT_FALSE(config.policy.refuses(daemon, 80));
  EXPECT_FALSE(config.policy.refuses(daemon, 4000));
  EXPECT_FALSE(config.policy.refuses({3, 0, {0}}, 80)) << "the superuser";
  EXPECT_EQ(config.policy.refuses(user, 80),
            "user 1000 may not serve port 80 (rule \"ports 1-1023\" of homad's configuration)");
  EXPECT_TRUE(config.policy.refuses(user, 4000));
}

TEST(Config, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_EQ(error_of("[limits]\nsokets = 3"),
            "homad.toml: line 2: limits.sokets: is not known here; there are: memory_default, "
            "memory_guaranteed, memory_maximum, programs, receive_memory, requests, rpcs, "
            "rpcs_guaranteed, sockets, "
            "transmit_memory");
  EXPECT_EQ(error_of("[limits]\nmemory_maximum = \"2mib\"\nmemory_guaranteed = \"3mib\""),
            "homad.toml: line 3: limits.memory_guaranteed: is more than memory_maximum");
  EXPECT_EQ(error_of("[host]\nmemory = \"1kib\"").substr(0, 33),
            "homad.toml: line 2: host.memory: ");
  EXPECT_EQ(error_of("[limits]\n\nsockets = 0"),
            "homad.toml: line 3: limits.sockets: is 1 to 4096, not \"0\"");
  EXPECT_EQ(error_of("[engine]\npoll = 50"),
            "homad.toml: line 2: engine.poll: is a time, like \"50us\", not \"50\"");
  EXPECT_EQ(error_of("[log]\nlevel = \"loud\""),
            "homad.toml: line 2: log.level: is one of error, warning, info, debug, not \"loud\"");
  EXPECT_EQ(error_of("[[limits_of]]\nuser = \"nobody-of-this-name\""),
            "homad.toml: line 2: limits_of.user: there is no user \"nobody-of-this-name\"");
  EXPECT_NE(error_of("[[limits_of]]\nsockets = 3").find("names a user or a group"),
            std::string::npos);
  EXPECT_NE(error_of("[[ports]]\nports = \"70000\"").find("ports are 1 to 32767"),
            std::string::npos);
  EXPECT_NE(error_of("[[ports]]\nports = \"9-3\"").find("ports are 1 to 32767"), std::string::npos);
  EXPECT_NE(error_of("[parameters]\nunscheduled_bites = 3").find("unscheduled_bites"),
            std::string::npos);
  EXPECT_NE(error_of("sandbox = 1").find("sandbox: is true or false"), std::string::npos);
  EXPECT_NE(error_of("socket = ").find("line 1"), std::string::npos);
  EXPECT_NE(error_of("ports = 3").find("are tables"), std::string::npos);
  EXPECT_NE(error_of("limits = 3").find("is a table"), std::string::npos);
  EXPECT_EQ(read_config("/nowhere/homad.toml").error().code, ErrorCode::kSystem);
}

// packaging/homad/homad.toml: good as it is, and what it shows as a default is one.
TEST(Config, TheFileThatIsInstalledShowsTheDefaults) {
  const std::string path = HOMA_SOURCE_DIR "/packaging/homad/homad.toml";
  EXPECT_TRUE(read_config(path));
  std::ifstream file(path);
  std::string text, line;
  while (std::getline(file, line) && line.find("# Instead") == std::string::npos) {
    text += line.size() > 1 && line[0] == '#' && line[1] != ' ' ? line.substr(1) : line;
    text += "\n";
  }
  DaemonConfig shown = parsed(text);
  EXPECT_EQ(shown.host.parameters.erase("unscheduled_bytes"), 1U) << "nothing was uncommented";
  EXPECT_TRUE(needs_restart(parsed(""), shown).empty());
  const Limits a = shown.policy.limits({}), b = Limits{};
  EXPECT_EQ(a, b);
}

TEST(Config, MemoryIsGuaranteedByUserAndBoundedForTheHost) {
  const DaemonConfig config = parsed(R"(
    [host]
    memory = "1gib"
    [limits]
    memory_guaranteed = "1mib"
    memory_default = "20mib"
    memory_maximum = "32mib"
    [[limits_of]]
    group = "root"
    memory_guaranteed = "100mib"
    memory_maximum = "1gib"
    requests = 7
  )");
  EXPECT_EQ(config.memory, 1U << 30);
  const Limits usual = config.policy.limits({1, 1000, {1000}});
  EXPECT_EQ(usual.memory_guaranteed, 1U << 20);
  EXPECT_EQ(usual.memory_of(0), 20U << 20);
  EXPECT_EQ(usual.memory_of(25 << 20), 25U << 20) << "it asks for more than the default";
  EXPECT_EQ(usual.memory_of(100 << 20), 32U << 20);
  const Limits root = config.policy.limits({1, 1000, {1000, 0}});
  EXPECT_EQ(root.memory_guaranteed, 100U << 20);
  EXPECT_EQ(root.memory_of(0), 20U << 20) << "as for all";
  EXPECT_EQ(root.memory_of(std::uint64_t{2} << 30), 1U << 30);
  EXPECT_EQ(root.requests, 7U);
}

TEST(Config, SaysWhatNeedsANewStart) {
  const DaemonConfig running = parsed("");
  EXPECT_TRUE(
      needs_restart(running, parsed("[limits]\nsockets = 3\n[log]\nlevel = \"debug\"")).empty());
  EXPECT_EQ(needs_restart(running, parsed("socket = \"/x\"\n[engine]\nmtu = 1500")),
            (std::vector<std::string>{"socket", "engine and parameters"}));
}

}  // namespace
}  // namespace homa::daemon
