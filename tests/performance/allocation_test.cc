// In steady state the core allocates nothing per RPC or packet: operator new is counted.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "memory_pair.h"

namespace {
std::atomic<std::uint64_t> allocations{0};
}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace homa::bench {
namespace {

// Allocations while `rpcs` RPCs complete, after as many as it takes for every pool to have its
// size.
std::uint64_t allocations_of(const MemoryPairConfig& config, std::uint64_t rpcs) {
  MemoryPair pair(config);
  EXPECT_TRUE(pair.run(rpcs));
  const std::uint64_t before = allocations.load();
  EXPECT_TRUE(pair.run(rpcs));
  return allocations.load() - before;
}

TEST(Allocations, TheCounterCounts) {
  const std::uint64_t before = allocations.load();
  ::operator delete(::operator new(4));
  EXPECT_GT(allocations.load(), before);
}

TEST(Allocations, NonePerSmallRpc) {
  EXPECT_EQ(allocations_of({32, 1, 1}, 100'000), 0U);
  EXPECT_EQ(allocations_of({32, 100, 50}, 100'000), 0U);
}

TEST(Allocations, NonePerPacketOfLongMessages) {
  EXPECT_EQ(allocations_of({10'000, 20, 4}, 20'000), 0U);
  EXPECT_EQ(allocations_of({200'000, 8, 2}, 1'000), 0U);
}

}  // namespace
}  // namespace homa::bench
