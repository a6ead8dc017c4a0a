#include "tools/bench/config.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

TEST(BenchProtocol, HasTheNameThatChoosesIt) {
  EXPECT_EQ(BenchProtocol{}.name(), "homa");
  EXPECT_EQ((BenchProtocol{BenchProtocol::Kind::kTcp, "bbr", 4}.name()), "tcp-bbr");
  EXPECT_EQ((BenchProtocol{BenchProtocol::Kind::kTcp, "bbr", 4, "small-buffers"}.name()),
            "tcp-bbr-small-buffers");
  EXPECT_EQ((BenchProtocol{BenchProtocol::Kind::kUdpEcho, "", 1}.name()), "udp-echo");
}

TEST(BenchLoad, CountsRequestsAndResponsesOfALink) {
  BenchLoad load;
  load.workload = sim::WorkloadDistribution::fixed(1'000);
  load.load = 0.5;
  load.rate = 16'000'000;
  EXPECT_DOUBLE_EQ(load.mean_rpc_bytes(), 2'000);
  EXPECT_DOUBLE_EQ(load.rpcs_per_second(4), 500);
  load.response_bytes = 3'000;
  EXPECT_DOUBLE_EQ(load.rpcs_per_second(4), 250);
}

TEST(BenchLoad, ASingleHostHasNobodyToAskUnlessThereIsAServer) {
  BenchLoad load;
  EXPECT_EQ(load.rpcs_per_second(1), 0);
  load.one_server = true;
  EXPECT_GT(load.rpcs_per_second(1), 0);
}

}  // namespace
}  // namespace homa::tools
