#include "tools/process/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace homa::tools {
namespace {

TEST(FindProgram, LooksOnThePathAndWhereSystemProgramsAre) {
  EXPECT_FALSE(find_program("sh").empty());
  EXPECT_EQ(find_program("no-such-program-anywhere"), "");
}

TEST(RunProgram, FeedsItsInputAndReturnsItsOutput) {
  const auto output = run_program({"cat"}, "hello");
  ASSERT_TRUE(output) << output.error().text;
  EXPECT_EQ(*output, "hello");
}

TEST(RunProgram, MoreThanPipesHoldPassesThroughBothWays) {
  const std::string much(1'000'000, 'x');
  const auto output = run_program({"cat"}, much);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->size(), much.size());
}

TEST(RunProgram, AFailureNamesTheCommandAndWhatItSaid) {
  const auto output = run_program({"sh", "-c", "echo the reason >&2; exit 3"});
  ASSERT_FALSE(output);
  EXPECT_NE(output.error().text.find("the reason"), std::string::npos) << output.error().text;
  EXPECT_NE(output.error().text.find("sh"), std::string::npos) << output.error().text;
}

TEST(RunProgram, OneThatDoesNotExistIsAnError) {
  EXPECT_FALSE(run_program({"no-such-program-anywhere"}));
}

TEST(RunInForeground, ReturnsTheExitStatusOrTheSignal) {
  EXPECT_EQ(run_in_foreground({"sh", "-c", "exit 7"}).value(), 7);
  EXPECT_EQ(run_in_foreground({"sh", "-c", "kill -TERM $$"}).value(), 128 + SIGTERM);
}

TEST(StayOn, AProcessorThatDoesNotExistIsLeftOut) {
  const std::vector<int> before = allowed_cpus();
  ASSERT_FALSE(before.empty());
  stay_on({before.front(), 100'000});
  EXPECT_EQ(allowed_cpus(), std::vector<int>{before.front()});
  stay_off(before.front());  // the only one: it stays
  EXPECT_EQ(allowed_cpus(), std::vector<int>{before.front()});
  stay_on(before);
  EXPECT_EQ(allowed_cpus(), before);
  if (before.size() < 2) return;
  stay_off(before.front());
  EXPECT_EQ(allowed_cpus(), std::vector<int>(before.begin() + 1, before.end()));
  stay_on(before);
}

TEST(StopGuard, ASignalIsNotedInsteadOfEndingTheProcess) {
  EXPECT_EXIT(
      {
        const StopGuard guard;
        const bool before = StopGuard::stop_requested();
        ::raise(SIGINT);
        ::_exit(!before && StopGuard::stop_requested() ? StopGuard::exit_status() : 1);
      },
      ::testing::ExitedWithCode(128 + SIGINT), "");
}

TEST(InNamespace, OneThatDoesNotExistIsAnError) {
  bool ran = false;
  EXPECT_FALSE(in_namespace("no-such-namespace", [&] { ran = true; }));
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace homa::tools
