#include "tools/top/screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace homa::tools {
namespace {

using observe::EngineState;
using ::testing::HasSubstr;

constexpr std::size_t kColumns = 80;
constexpr Time kNow{std::chrono::seconds(100)};

EngineState engine(std::uint32_t pid, std::uint64_t responses) {
  EngineState state;
  state.path = std::to_string(pid);
  state.pid = pid;
  state.program = "a-program-with-a-long-name";
  for (const char* name : {"bytes_received", "bytes_sent", "retransmitted_packets", "rpcs_failed",
                           "dropped_mismatch", "io_receive_dropped"}) {
    state.metrics.push_back({name, "", true, 0});
  }
  state.metrics.push_back({"responses_received", "", true, responses});
  observe::Distribution times{"rpc_time", "", "nanoseconds", 0, 256, 5, 0, {}};
  times.counts.resize(700);
  times.counts[600] = responses;
  state.distributions = {times};
  return state;
}

std::string row_of(const std::vector<ScreenLine>& lines, std::string_view text) {
  for (const ScreenLine& line : lines) {
    if (line.text.find(text) != std::string::npos) return line.text;
  }
  return {};
}

TEST(Screen, EnginesStandByTheirRpcsPerSecond) {
  const std::vector<EngineState> before{engine(11, 0), engine(22, 1'000)};
  const std::vector<EngineState> now{engine(11, 500), engine(22, 5'000)};
  const auto lines = screen({before, now, 2.0, kNow}, kColumns, 24);
  EXPECT_THAT(lines[0].text, HasSubstr("2 engines, 2.2k RPC/s"));
  EXPECT_THAT(lines[2].text, HasSubstr("22 a-program-wit"));
  EXPECT_THAT(lines[2].text, HasSubstr("2.0k"));
  EXPECT_THAT(lines[3].text, HasSubstr("11 a-program-wit"));
  // Together: 4,500 RPCs in 2 s.
  EXPECT_THAT(row_of(lines, "<= 256 B"), HasSubstr("2.2k"));
}

TEST(Screen, WhatWasThereBeforeTheLastLookDoesNotCount) {
  const std::vector<EngineState> states{engine(11, 700)};
  const auto lines = screen({states, states, 1.0, kNow}, kColumns, 24);
  EXPECT_EQ(row_of(lines, "<= 256 B"), "");
}

TEST(Screen, NothingIsWiderOrHigherThanTheTerminal) {
  std::vector<EngineState> now;
  for (std::uint32_t pid = 1; pid <= 40; ++pid) {
    now.push_back(engine(pid + 4'000'000, 4'000'000'000));
    observe::RpcSeen rpc;
    rpc.state = "receiving";
    rpc.peer = {Address{{0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, 40'000, 0},
                32'000};
    rpc.sent = rpc.received = 999'999'999;
    now.back().rpcs = std::vector<observe::RpcSeen>(3, rpc);
    observe::ErrorSeen error;
    error.text = "peer unreachable";
    error.has_peer = true;
    error.peer = rpc.peer;
    now.back().errors = {error};
    for (observe::Metric& metric : now.back().metrics) metric.value = 4'000'000'000;
  }
  for (const std::size_t height : {1UL, 2UL, 5UL, 24UL, 100UL}) {
    const auto lines = screen({{}, now, 0.1, kNow}, kColumns, height);
    EXPECT_LE(lines.size(), height);
    for (const ScreenLine& line : lines) EXPECT_LE(line.text.size(), kColumns) << line.text;
  }
}

TEST(Screen, LossDropsAndFailuresStandOut) {
  for (const char* name : {"retransmitted_packets", "rpcs_failed", "dropped_mismatch"}) {
    const std::vector<EngineState> before{engine(1, 0)};
    std::vector<EngineState> now{engine(1, 0)};
    const auto metric =
        std::find_if(now[0].metrics.begin(), now[0].metrics.end(),
                     [&](const observe::Metric& each) { return each.name == name; });
    metric->value = 3;
    EXPECT_EQ(screen({before, now, 1.0, kNow}, kColumns, 24)[2].look, ScreenLine::Look::kBad);
    EXPECT_EQ(screen({now, now, 1.0, kNow}, kColumns, 24)[2].look, ScreenLine::Look::kPlain);
  }
}

TEST(Screen, WithoutEnginesItSaysSo) {
  EXPECT_THAT(screen({{}, {}, 1.0, kNow}, kColumns, 24)[1].text, HasSubstr("no engine"));
}

}  // namespace
}  // namespace homa::tools
