#include "core/questions.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr Time at(std::int64_t nanoseconds) { return Time{Duration{nanoseconds}}; }

TEST(Questions, OnePerFourPacketsHeardAndTwoInEachTick) {
  constexpr Duration kTick{1'000'000};
  Questions questions;
  const auto ask_all = [&](std::int64_t time) {
    int asked = 0;
    while (asked < 1'000 && questions.ask(at(time), kTick)) ++asked;
    return asked;
  };
  EXPECT_EQ(ask_all(1'000'000), 64);
  EXPECT_EQ(ask_all(1'900'000), 0);
  EXPECT_EQ(ask_all(2'000'000), 2);
  for (int i = 0; i < 40; ++i) questions.heard();
  EXPECT_EQ(ask_all(2'500'000), 10);
  for (int i = 0; i < 10'000; ++i) questions.heard();
  EXPECT_EQ(ask_all(3'500'000), 64);
}

}  // namespace
}  // namespace homa::core
