#include "core/busy_ration.h"

#include <gtest/gtest.h>

#include <vector>

namespace homa::core {
namespace {

using std::chrono::milliseconds;

constexpr Time at(std::int64_t ms) { return Time{milliseconds(1'000 + ms)}; }

// BUSY packets in a second to a kernel that asks about each of its waiting RPCs every 5 ms.
std::size_t busy_in_a_second(std::size_t rpcs, Duration* longest_wait) {
  const CoreConfig config;
  BusyRation ration;
  std::vector<Time> last(rpcs, at(0));
  std::size_t sent = 0;
  for (std::int64_t ms = 0; ms < 1'000; ++ms) {
    for (std::size_t rpc = static_cast<std::size_t>(ms % 5); rpc < rpcs; rpc += 5) {
      const Time before = last[rpc];
      if (!ration.take(at(ms), last[rpc], config)) continue;
      ++sent;
      *longest_wait = std::max(*longest_wait, at(ms) - before);
    }
  }
  return sent;
}

TEST(BusyRation, AFewRpcsAreAnsweredEachTime) {
  Duration longest{0};
  EXPECT_EQ(busy_in_a_second(10, &longest), 2'000U);
}

// 200,000 questions, about a fifth of them answered; each RPC well within its timeout of 100 ms.
TEST(BusyRation, ManyRpcsAreAnsweredOftenEnough) {
  Duration longest{0};
  const std::size_t sent = busy_in_a_second(1'000, &longest);
  EXPECT_LE(sent, 44'000U);
  EXPECT_LE(longest, milliseconds(30));
  RecordProperty("busy_packets", static_cast<int>(sent));
}

}  // namespace
}  // namespace homa::core
