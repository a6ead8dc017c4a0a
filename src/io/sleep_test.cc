#include "io/sleep.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <array>

#include "base/descriptor.h"

namespace homa::io {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(Sleep, EndsByTheClock) {
  const auto start = Clock::now();
  EXPECT_FALSE(sleep_on({}, 2ms));
  EXPECT_GE(Clock::now() - start, 2ms);
}

TEST(Sleep, NegativeTimeIsNone) { EXPECT_FALSE(sleep_on({}, -1s)); }

TEST(Sleep, EndsByADescriptorAndSaysWhich) {
  const base::Descriptor silent(eventfd(0, EFD_CLOEXEC));
  const base::Descriptor ready(eventfd(1, EFD_CLOEXEC));
  std::array<pollfd, 2> descriptors{{{silent.get(), POLLIN, 0}, {ready.get(), POLLIN, 0}}};
  const auto start = Clock::now();
  EXPECT_TRUE(sleep_on(descriptors, 60s));
  EXPECT_LT(Clock::now() - start, 30s);
  EXPECT_EQ(descriptors[0].revents, 0);
  EXPECT_NE(descriptors[1].revents & POLLIN, 0);
}

}  // namespace
}  // namespace homa::io
