#include "observe/parameters.h"

#include <gtest/gtest.h>

#include <string>

namespace homa::observe {
namespace {

TEST(Parameters, AnAnswerHasOneLineForEach) {
  const auto all = parse_parameters(
      "ok\nwindow\t0\tbytes\tany time\tgranted ahead\nrpcs_max\t5\t\tat start\t\n");
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[0].name, "window");
  EXPECT_EQ((*all)[0].value, "0");
  EXPECT_EQ((*all)[0].meaning, "granted ahead");
  EXPECT_TRUE((*all)[0].any_time);
  EXPECT_FALSE((*all)[1].any_time);
}

TEST(Parameters, ARefusalIsAnErrorWithItsCode) {
  const auto refused = parse_parameters("9 window must be 0..5\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused.error().text, "window must be 0..5");
}

TEST(Parameters, WhatMakesNoSenseIsAnError) {
  for (const char* text : {"", "\n", "ok", "no", "0 fine\n", "-1 x\n", "999 x\n", "9x y\n",
                           "ok\n\n", "ok\n\t\t\t\n"}) {
    const auto answer = parse_parameters(text);
    if (std::string_view(text) == "ok") {
      EXPECT_TRUE(answer && answer->empty());
    } else {
      ASSERT_FALSE(answer) << text;
      EXPECT_EQ(answer.error().code, ErrorCode::kSystem) << text;
    }
  }
}

TEST(Parameters, NoByteOfAnAnswerReachesATerminalAsACommand) {
  const auto all = parse_parameters("ok\na\x1b[2J\tv\x07\tu\tat start\tm\x1b\n");
  ASSERT_TRUE(all);
  for (const std::string& text : {all->front().name, all->front().value, all->front().meaning}) {
    for (const char c : text) EXPECT_GE(c, ' ') << text;
  }
  EXPECT_EQ(parse_parameters("9 \x1b]0;x\n").error().text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace homa::observe
