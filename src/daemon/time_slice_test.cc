#include "daemon/time_slice.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

namespace homa::daemon {
namespace {

TEST(TimeSlice, IsShortenedForOneThreadAndNothingElseChanges) {
  const Duration before = time_slice();
  const int nice = ::getpriority(PRIO_PROCESS, 0);
  bool shortened = false;
  Duration after{};
  int nice_after = 0;
  std::thread([&] {
    shortened = shorten_time_slice();
    after = time_slice();
    nice_after = ::getpriority(PRIO_PROCESS, 0);
  }).join();
  EXPECT_EQ(after, shortened ? kTimeSlice : before) << "an old kernel knows none";
  EXPECT_EQ(nice_after, nice);
  EXPECT_EQ(time_slice(), before);
}

}  // namespace
}  // namespace homa::daemon
