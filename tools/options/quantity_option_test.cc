#include "tools/options/quantity_option.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

using namespace std::chrono_literals;

struct Parsed {
  std::uint32_t bytes = 100;
  Duration wait = 1s;
  std::string problem;
};

Parsed parsed(std::vector<std::string> words) {
  Parsed result;
  CLI::App app;
  add_whole(app, "--size,-s", result.bytes, Quantity::kBytes, {1, 1'000'000}, "");
  add_duration(app, "--wait", result.wait, {1ms, 60s}, "", base::BareDuration::kMicroseconds);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    result.problem = error.what();
  }
  return result;
}

TEST(QuantityOption, TakesUnits) {
  const Parsed result = parsed({"--size", "64kb", "--wait", "250ms"});
  EXPECT_EQ(result.problem, "");
  EXPECT_EQ(result.bytes, 64'000U);
  EXPECT_EQ(result.wait, 250ms);
}

TEST(QuantityOption, LeavesTheDefaultWhereItIsNotGiven) {
  EXPECT_EQ(parsed({}).bytes, 100U);
  EXPECT_EQ(parsed({}).wait, 1s);
}

TEST(QuantityOption, ABareDurationHasTheOptionsUnit) {
  EXPECT_EQ(parsed({"--wait", "5000"}).wait, 5ms);
}

TEST(QuantityOption, ABareNumberMayCountAUnitOfItsOwn) {
  std::string problem;
  const WholeRange megabytes{1 << 20, 1 << 30, 1 << 20};
  EXPECT_EQ(read_whole("64", Quantity::kBytes, megabytes, problem), 64U << 20);
  EXPECT_EQ(read_whole("64mib", Quantity::kBytes, megabytes, problem), 64U << 20);
  EXPECT_FALSE(read_whole("2000", Quantity::kBytes, megabytes, problem));
}

TEST(QuantityOption, SaysWhatItExpected) {
  EXPECT_EQ(parsed({"--size", "many"}).problem,
            "--size: \"many\" is not a number of bytes, such as 1500, 64kb or 1mib");
  EXPECT_EQ(parsed({"--size", "-1"}).problem,
            "--size: \"-1\" is not a number of bytes, such as 1500, 64kb or 1mib");
  EXPECT_EQ(parsed({"-s", "2mb"}).problem, "--size: 2mb is not within 1 to 1000000");
  EXPECT_EQ(parsed({"--wait", "2min"}).problem, "--wait: 2min is not within 1ms to 60s");
  EXPECT_EQ(parsed({"--wait", "soon"}).problem,
            "--wait: \"soon\" is not a duration, such as 10s, 250ms or 50us");
}

}  // namespace
}  // namespace homa::tools
