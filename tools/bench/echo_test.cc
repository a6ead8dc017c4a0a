#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tools/bench/loopback.h"

namespace homa::tools {
namespace {

struct EchoCase {
  bool tcp = false, spin = false;
};

class EchoTransport : public testing::TestWithParam<EchoCase> {
 protected:
  EchoTransport() : setup_(loopback_setup(2)) { setup_.spin = GetParam().spin; }

  void connect() {
    for (std::size_t self = 0; self < 2; ++self) {
      auto made = make_echo_transport(setup_, self, GetParam().tcp);
      ASSERT_TRUE(made) << made.error().text;
      hosts_.push_back(std::move(*made));
    }
    for (auto& host : hosts_) ASSERT_TRUE(host->connect());
  }
  // Both wait in their calls, so each has a thread. Returns whether the message came back.
  bool round_trip(std::uint64_t rpc, std::uint32_t bytes) {
    std::atomic<bool> done{false};
    std::thread server([&] {
      Ends none;
      while (!done) hosts_[1]->serve_until(bench_now() + std::chrono::milliseconds(1), none);
    });
    hosts_[0]->start(1, rpc, bytes, bytes);
    const Nanoseconds limit = bench_now() + std::chrono::seconds(10);
    while (!ends_.contains(rpc) && bench_now() < limit) {
      hosts_[0]->serve_until(bench_now() + std::chrono::milliseconds(1), ends_);
    }
    done = true;
    server.join();
    return ends_.contains(rpc);
  }

  BenchSetup setup_;
  Ends ends_;
  std::vector<std::unique_ptr<BenchTransport>> hosts_;
};

TEST_P(EchoTransport, WhatIsSentComesBack) {
  connect();
  std::uint64_t rpc = 0;
  // The shortest, one that TCP cuts, and one that no datagram could hold.
  for (const std::uint32_t bytes : {0U, 1U, 100U, 20'000U, 1'000'000U}) {
    EXPECT_TRUE(round_trip(++rpc, bytes)) << bytes;
    EXPECT_EQ(ends_.of(rpc), RpcEnd::kComplete);
  }
  EXPECT_EQ(ends_.size(), rpc);
}

TEST_P(EchoTransport, NothingComesBackThatWasNotSent) {
  connect();
  hosts_[0]->serve_until(bench_now() + std::chrono::milliseconds(5), ends_);
  EXPECT_EQ(ends_.size(), 0U);
}

TEST_P(EchoTransport, SaysWhatItIs) {
  connect();
  const std::string text = hosts_[0]->description();
  EXPECT_NE(text.find(GetParam().tcp ? "TCP" : "UDP"), std::string::npos) << text;
  EXPECT_NE(text.find(GetParam().spin ? "spinning" : "blocking"), std::string::npos) << text;
}

TEST_P(EchoTransport, AnAddressThatIsNotOursIsAnError) {
  setup_.hosts[1].address = "192.0.2.1";
  EXPECT_FALSE(make_echo_transport(setup_, 1, GetParam().tcp));
}

INSTANTIATE_TEST_SUITE_P(All, EchoTransport,
                         testing::Values(EchoCase{false, false}, EchoCase{false, true},
                                         EchoCase{true, false}, EchoCase{true, true}),
                         [](const auto& each) {
                           return std::string(each.param.tcp ? "Tcp" : "Udp") +
                                  (each.param.spin ? "Spinning" : "Blocking");
                         });

}  // namespace
}  // namespace homa::tools
