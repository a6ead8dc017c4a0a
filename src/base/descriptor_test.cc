#include "base/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <utility>

namespace homa::base {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(Descriptor, ClosesWhatItHolds) {
  int fd = -1;
  {
    const Descriptor descriptor(::eventfd(0, 0));
    fd = descriptor.get();
    EXPECT_TRUE(descriptor.valid());
    EXPECT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, AMovedOneHoldsNothing) {
  Descriptor from(::eventfd(0, 0));
  const int fd = from.get();
  const Descriptor to(std::move(from));
  EXPECT_EQ(to.get(), fd);
  EXPECT_FALSE(from.valid());  // NOLINT: that is what is tested
  EXPECT_TRUE(is_open(fd));
}

// The one that was replaced is closed, at the latest when the other object ends.
TEST(Descriptor, AssigningLeaksNothing) {
  int replaced = -1, kept = -1;
  {
    Descriptor target(::eventfd(0, 0));
    replaced = target.get();
    {
      Descriptor source(::eventfd(0, 0));
      kept = source.get();
      target = std::move(source);
    }
    EXPECT_EQ(target.get(), kept);
    EXPECT_FALSE(is_open(replaced));
    EXPECT_TRUE(is_open(kept));
  }
  EXPECT_FALSE(is_open(kept));
}

TEST(Descriptor, MayHoldNothing) {
  EXPECT_FALSE(Descriptor().valid());
  EXPECT_FALSE(Descriptor(-1).valid());
}

}  // namespace
}  // namespace homa::base
