#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "tools/bench/loopback.h"

namespace homa::tools {
namespace {

constexpr std::uint32_t kLong = 1'000'000;

// Two hosts over TCP in this process.
class TcpPair {
 public:
  explicit TcpPair(int connections, const ServiceTime& service = {}, int threads = 0)
      : setup_(loopback_setup(2)), pattern_(setup_.message_bytes_max) {
    setup_.service_time = service;
    setup_.server_threads = threads;
    const BenchProtocol protocol{BenchProtocol::Kind::kTcp, "cubic", connections};
    for (std::size_t self = 0; self < 2; ++self) {
      auto made = make_tcp_transport(setup_, self, protocol, pattern_);
      EXPECT_TRUE(made) << made.error().text;
      hosts_.push_back(std::move(*made));
    }
    for (auto& host : hosts_) EXPECT_TRUE(host->connect());
  }

  BenchTransport& client() { return *hosts_[0]; }
  BenchTransport& server() { return *hosts_[1]; }
  void end_server() { hosts_.pop_back(); }
  const BenchSetup& setup() const { return setup_; }
  const BenchPattern& pattern() const { return pattern_; }

 private:
  BenchSetup setup_;
  BenchPattern pattern_;
  std::vector<std::unique_ptr<BenchTransport>> hosts_;
};

TEST(TcpTransport, MessagesOfAllLengthsArriveIntact) {
  TcpPair pair(1);
  Ends ends;
  const std::vector<std::uint32_t> lengths = {1, 24, 1'460, 70'000, kLong};
  for (std::size_t rpc = 0; rpc < lengths.size(); ++rpc) {
    pair.client().start(1, rpc, lengths[rpc], lengths[lengths.size() - 1 - rpc]);
  }
  ASSERT_TRUE(serve_both(pair.client(), pair.server(), ends, lengths.size()));
  for (std::size_t rpc = 0; rpc < lengths.size(); ++rpc) EXPECT_EQ(ends.of(rpc), RpcEnd::kComplete);
  EXPECT_EQ(pair.server().corrupt_requests(), 0U);
}

TEST(TcpTransport, AShortRequestBehindALongOneTakesAnotherConnection) {
  for (const int connections : {1, 2}) {
    TcpPair pair(connections);
    Ends ends;
    pair.client().start(1, 1, kLong, kLong);
    pair.client().start(1, 2, 10, 10);
    ASSERT_TRUE(serve_both(pair.client(), pair.server(), ends, 1));
    EXPECT_EQ(ends.contains(2) && !ends.contains(1), connections == 2);
    ASSERT_TRUE(serve_both(pair.client(), pair.server(), ends, 2));
  }
}

TEST(TcpTransport, HandlersThatTakeTimeDoNotHoldUpEachOther) {
  TcpPair pair(1, *ServiceTime::parse("fixed:20ms"), 8);
  Ends ends;
  const Nanoseconds begun = bench_now();
  for (std::uint64_t rpc = 0; rpc < 8; ++rpc) pair.client().start(1, rpc, 100, 100);
  ASSERT_TRUE(serve_both(pair.client(), pair.server(), ends, 8));
  EXPECT_GE(bench_now() - begun, std::chrono::milliseconds(20));
  EXPECT_LT(bench_now() - begun, std::chrono::milliseconds(160));
}

TEST(TcpTransport, ADamagedRequestIsCounted) {
  TcpPair pair(1);
  struct {
    std::uint32_t bytes = 3, response_bytes = 1;
    std::uint64_t rpc = 7;
    unsigned char body[3] = {1, 2, 3};  // not what BenchPattern has
  } request;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(pair.setup().tcp_port);
  ASSERT_EQ(::inet_pton(AF_INET, pair.setup().hosts[1].address.c_str(), &to.sin_addr), 1);
  ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  ASSERT_EQ(::send(fd, &request, 19, MSG_NOSIGNAL), 19);
  Ends none;
  const Nanoseconds limit = bench_now() + std::chrono::seconds(10);
  while (pair.server().corrupt_requests() == 0 && bench_now() < limit) {
    pair.server().serve_until(bench_now() + std::chrono::milliseconds(1), none);
  }
  EXPECT_EQ(pair.server().corrupt_requests(), 1U);
  ::close(fd);
}

TEST(TcpTransport, WhatAHostThatIsGoneOwesStaysUnfinished) {
  TcpPair pair(1);
  Ends ends;
  pair.client().start(1, 1, 100, 100);
  ASSERT_TRUE(serve_both(pair.client(), pair.server(), ends, 1));
  pair.end_server();
  pair.client().start(1, 2, 100, 100);
  const Nanoseconds begun = bench_now();
  for (int i = 0; i < 10; ++i) {
    pair.client().serve_until(bench_now() + std::chrono::milliseconds(2), ends);
  }
  EXPECT_FALSE(ends.contains(2));
  EXPECT_GE(bench_now() - begun, std::chrono::milliseconds(10)) << "it does not spin";
}

TEST(TcpTransport, AnUnknownCongestionControlIsNamedInTheError) {
  const BenchSetup setup = loopback_setup(2);
  const BenchPattern pattern(10);
  const auto made =
      make_tcp_transport(setup, 0, {BenchProtocol::Kind::kTcp, "nonesuch", 1}, pattern);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().text.find("'nonesuch'"), std::string::npos) << made.error().text;
}

}  // namespace
}  // namespace homa::tools
