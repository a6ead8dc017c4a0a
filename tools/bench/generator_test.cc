#include "tools/bench/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

namespace homa::tools {
namespace {

BenchLoad w4_at(double share) {
  BenchLoad load;
  load.workload = sim::WorkloadDistribution::named("w4")->cut_off(1'000'000);
  load.load = share;
  return load;
}

TEST(BenchLoad, BothDirectionsOfALinkCount) {
  BenchLoad load;
  load.workload = sim::WorkloadDistribution::fixed(1'000);
  load.rate = 80'000'000;  // 10 MB/s
  load.load = 0.5;
  // 5 MB/s per direction, 2,000 B per RPC in each: its request and a response for another's.
  EXPECT_DOUBLE_EQ(load.rpcs_per_second(4), 2'500);
  load.response_bytes = 4'000;
  EXPECT_DOUBLE_EQ(load.rpcs_per_second(4), 1'000);
  EXPECT_DOUBLE_EQ(load.rpcs_per_second(1), 0);
}

TEST(ArrivalProcess, OffersTheLoadItShould) {
  BenchLoad load;
  load.workload = sim::WorkloadDistribution::fixed(1'000);
  load.load = 0.8;
  ArrivalProcess process(load, 4, 0);
  Arrival last;
  std::vector<int> peers(4);
  constexpr int kCount = 100'000;
  for (int i = 0; i < kCount; ++i) {
    last = process.next();
    ASSERT_LT(last.peer, 4U);
    ++peers[last.peer];
  }
  const double seconds = std::chrono::duration<double>(last.at).count();
  EXPECT_NEAR(kCount / seconds / load.rpcs_per_second(4), 1, 0.02);
  EXPECT_EQ(peers[0], 0);  // nobody calls itself
  for (int peer = 1; peer < 4; ++peer)
    EXPECT_NEAR(peers[static_cast<std::size_t>(peer)], 33'333, 900);
}

TEST(ArrivalProcess, TheSameSeedGivesTheSameLoadAndHostsDiffer) {
  const BenchLoad load = w4_at(0.5);
  ArrivalProcess a(load, 4, 1), b(load, 4, 1), other(load, 4, 2);
  bool differs = false;
  for (int i = 0; i < 1'000; ++i) {
    const Arrival one = a.next(), same = b.next(), another = other.next();
    EXPECT_EQ(one.at, same.at);
    EXPECT_EQ(one.request_bytes, same.request_bytes);
    EXPECT_EQ(one.peer, same.peer);
    differs = differs || one.at != another.at;
  }
  EXPECT_TRUE(differs);
}

// Ends one RPC at every visit.
class PromptTransport final : public BenchTransport {
 public:
  void start(std::size_t, std::uint64_t rpc, std::uint32_t, std::uint32_t) override {
    waiting_.push_back(rpc);
    most_waiting = std::max(most_waiting, waiting_.size());
  }
  void serve_until(Nanoseconds, Listener& listener) override {
    if (waiting_.empty()) return;
    const std::uint64_t rpc = waiting_.front();
    waiting_.pop_front();
    listener.on_end(rpc, RpcEnd::kComplete);
  }
  std::uint64_t retransmissions() const override { return 0; }
  std::string description() const override { return {}; }

  std::size_t most_waiting = 0;

 private:
  std::deque<std::uint64_t> waiting_;
};

TEST(LoadGenerator, AnOverloadedHostGoesOnServing) {
  BenchLoad load;
  load.workload = sim::WorkloadDistribution::fixed(1'000);
  load.rate = 1'000'000'000;
  load.load = 0.8;
  load.warm_up = Nanoseconds::zero();
  load.duration = std::chrono::milliseconds(20);
  const auto shared = BenchShared::create(2, 100'000);
  ASSERT_TRUE(shared) << shared.error().text;
  shared->host(1).done.store(true);
  PromptTransport transport;
  // Every RPC is due already.
  LoadGenerator(load, *shared, 0, transport).run(bench_now() - std::chrono::seconds(1));
  EXPECT_GT(shared->host(0).rpcs_started, 100U);
  EXPECT_LE(transport.most_waiting, 2U);
}

}  // namespace
}  // namespace homa::tools
