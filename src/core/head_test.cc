#include "core/head.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

TEST(Head, OnlyOfLongMessagesThatDoNotComeWhole) {
  Head head;
  head.begin(1000, 100, Head::kNever);
  EXPECT_FALSE(head.open());
  head.begin(1000, 100, 1000);
  EXPECT_FALSE(head.open());
  head.begin(1000, 1000, 10);
  EXPECT_FALSE(head.open());
  head.begin(1001, 1000, 1000);
  EXPECT_TRUE(head.open());
}

TEST(Head, IsShownOnceAndHoldsGrantsUntilItIsAccepted) {
  Head head;
  head.begin(1000, 100, 500);
  EXPECT_FALSE(head.shows(0)) << "the first byte is missing";
  EXPECT_FALSE(head.accept()) << "nobody has seen it";
  EXPECT_FALSE(head.announced());
  EXPECT_TRUE(head.shows(50));
  EXPECT_FALSE(head.shows(100));
  EXPECT_TRUE(head.open() && head.shown() && head.announced());
  EXPECT_TRUE(head.accept());
  EXPECT_FALSE(head.accept());
  EXPECT_FALSE(head.open() || head.shown());
  EXPECT_TRUE(head.announced());
}

}  // namespace
}  // namespace homa::core
