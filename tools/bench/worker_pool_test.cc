#include "tools/bench/worker_pool.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <set>

namespace homa::tools {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Waits for `count` handlers to end.
std::vector<std::uint64_t> finished(WorkerPool& pool, std::size_t count) {
  std::vector<std::uint64_t> tokens;
  while (tokens.size() < count) {
    pollfd waiting{pool.descriptor(), POLLIN, 0};
    if (::poll(&waiting, 1, 10'000) != 1) return tokens;
    for (const std::uint64_t token : pool.take_finished()) tokens.push_back(token);
  }
  return tokens;
}

TEST(WorkerPool, EveryHandlerEndsOnceAndTheDescriptorFallsSilent) {
  WorkerPool pool(*ServiceTime::parse("fixed:100us"), 4);
  for (std::uint64_t token = 0; token < 100; ++token) pool.start(token);
  const auto tokens = finished(pool, 100);
  EXPECT_EQ(std::set(tokens.begin(), tokens.end()).size(), 100U);
  pollfd waiting{pool.descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 0);
  EXPECT_TRUE(pool.take_finished().empty());
}

TEST(WorkerPool, OneThreadServesInOrderAndTakesTheSumOfTheTimes) {
  WorkerPool pool(*ServiceTime::parse("fixed:2ms"), 1);
  const auto start = Clock::now();
  for (std::uint64_t token = 0; token < 5; ++token) pool.start(token);
  EXPECT_EQ(finished(pool, 5), (std::vector<std::uint64_t>{0, 1, 2, 3, 4}));
  EXPECT_GE(Clock::now() - start, 10ms);
}

TEST(WorkerPool, EndsWithHandlersThatHaveNotStarted) {
  WorkerPool pool(*ServiceTime::parse("fixed:1ms"), 1);
  for (std::uint64_t token = 0; token < 10'000; ++token) pool.start(token);
}

}  // namespace
}  // namespace homa::tools
