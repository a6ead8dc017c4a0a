#include <gtest/gtest.h>

#include <filesystem>
#include <thread>
#include <vector>

#include "tools/bench/loopback.h"

namespace homa::tools {
namespace {

constexpr std::uint32_t kLong = 1'000'000;

std::unique_ptr<BenchTransport> make(const BenchSetup& setup, std::size_t self,
                                     std::uint32_t response_bytes, const BenchPattern& pattern) {
  auto made = make_homa_transport(setup, self, response_bytes, pattern);
  EXPECT_TRUE(made) << made.error().text;
  return made ? std::move(*made) : nullptr;
}

// Two hosts over Homa in this process.
class HomaPair {
 public:
  explicit HomaPair(const BenchSetup& setup, std::uint32_t response_bytes = 0)
      : setup_(setup), pattern_(setup_.message_bytes_max) {
    for (std::size_t self = 0; self < 2; ++self) {
      hosts_.push_back(make(setup_, self, response_bytes, pattern_));
    }
  }
  BenchTransport& client() { return *hosts_[0]; }
  BenchTransport& server() { return *hosts_[1]; }

 private:
  BenchSetup setup_;
  BenchPattern pattern_;
  std::vector<std::unique_ptr<BenchTransport>> hosts_;
};

TEST(HomaTransport, MessagesOfAllLengthsArriveIntact) {
  HomaPair pair(loopback_setup(2));
  Ends ends;
  const std::vector<std::uint32_t> lengths = {1, 1'460, 70'000, kLong};
  for (std::size_t rpc = 0; rpc < lengths.size(); ++rpc) {
    pair.client().start(1, rpc, lengths[rpc], lengths[rpc]);
  }
  ASSERT_TRUE(serve_both(pair.client(), pair.server(), ends, lengths.size()));
  for (std::size_t rpc = 0; rpc < lengths.size(); ++rpc) EXPECT_EQ(ends.of(rpc), RpcEnd::kComplete);
  EXPECT_EQ(pair.server().corrupt_requests(), 0U);
}

TEST(HomaTransport, AResponseOfAnotherLengthIsCorrupt) {
  HomaPair pair(loopback_setup(2), 20);
  Ends ends;
  pair.client().start(1, 1, 1'000, 20);
  pair.client().start(1, 2, 1'000, 21);  // the server answers with 20
  ASSERT_TRUE(serve_both(pair.client(), pair.server(), ends, 2));
  EXPECT_EQ(ends.of(1), RpcEnd::kComplete);
  EXPECT_EQ(ends.of(2), RpcEnd::kCorrupt);
}

TEST(HomaTransport, AnRpcThatCannotStartFails) {
  HomaPair pair(loopback_setup(2));
  Ends ends;
  pair.client().start(1, 1, 0, 10);  // Homa has no empty messages
  ASSERT_TRUE(serve_both(pair.client(), pair.server(), ends, 1));
  EXPECT_EQ(ends.of(1), RpcEnd::kFailed);
}

TEST(HomaTransport, RequestsWaitForTransmitMemory) {
  BenchSetup setup = loopback_setup(2);
  setup.homa.transmit_bytes = 2 << 20;  // for two of the longest, not for ten
  HomaPair pair(setup);
  Ends ends;
  for (std::uint64_t rpc = 0; rpc < 10; ++rpc) pair.client().start(1, rpc, kLong, kLong);
  ASSERT_TRUE(serve_both(pair.client(), pair.server(), ends, 10));
  for (std::uint64_t rpc = 0; rpc < 10; ++rpc) EXPECT_EQ(ends.of(rpc), RpcEnd::kComplete);
}

TEST(HomaTransport, HandlersThatTakeTimeDoNotHoldUpEachOther) {
  BenchSetup setup = loopback_setup(2);
  setup.service_time = *ServiceTime::parse("fixed:20ms");
  setup.server_threads = 8;
  HomaPair pair(setup);
  Ends ends;
  const Nanoseconds begun = bench_now();
  for (std::uint64_t rpc = 0; rpc < 8; ++rpc) pair.client().start(1, rpc, 100, 100);
  ASSERT_TRUE(serve_both(pair.client(), pair.server(), ends, 8));
  EXPECT_GE(bench_now() - begun, std::chrono::milliseconds(20));
  EXPECT_LT(bench_now() - begun, std::chrono::milliseconds(160));
}

TEST(HomaTransport, LostPacketsShowAsRetransmissions) {
  BenchSetup setup = loopback_setup(2);
  setup.homa.loss = 0.05;
  HomaPair pair(setup);
  Ends ends;
  for (std::uint64_t rpc = 0; rpc < 20; ++rpc) pair.client().start(1, rpc, 100'000, 100'000);
  ASSERT_TRUE(serve_both(pair.client(), pair.server(), ends, 20));
  EXPECT_GT(pair.client().retransmissions() + pair.server().retransmissions(), 0U);
  EXPECT_NE(pair.client().counters().find("retransmitted_packets "), std::string::npos);
}

// What a foreign server is sent and what it answers are its own.
TEST(HomaTransport, AForeignServerGetsTheContentThatItUnderstands) {
  BenchSetup setup = loopback_setup(2);
  HostConfig config = setup.homa;
  config.address = setup.hosts[1].address;
  auto host = Host::open(config);
  ASSERT_TRUE(host) << host.error().text;
  auto server = host->serve(77);
  ASSERT_TRUE(server) << server.error().text;
  setup.server = BenchServer{{host->address(), 77}, {}};
  const BenchPattern pattern(setup.message_bytes_max);
  const auto client = make(setup, 0, 0, pattern);
  ASSERT_NE(client, nullptr);

  std::vector<std::byte> request;
  std::thread answers([&] {
    auto message = server->receive(std::chrono::seconds(10));
    ASSERT_TRUE(message) << message.error().text;
    request.assign(message->bytes().begin(), message->bytes().end());
    const std::byte answer[3] = {};
    EXPECT_TRUE(server->reply(message->rpc(), answer));
  });
  Ends ends;
  client->start(0, 5, 100, 999);
  const Nanoseconds limit = bench_now() + std::chrono::seconds(10);
  while (!ends.contains(5) && bench_now() < limit) {
    client->serve_until(bench_now() + std::chrono::milliseconds(1), ends);
  }
  answers.join();
  ASSERT_TRUE(ends.contains(5));
  EXPECT_EQ(ends.of(5), RpcEnd::kComplete);
  EXPECT_EQ(request, setup.server->content.message(100));
}

TEST(HomaTransport, EveryHostHasACaptureOfItsOwn) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / fmt::format("homa-captures-{}", ::getpid());
  std::filesystem::create_directory(folder);
  BenchSetup setup = loopback_setup(2);
  setup.homa.pcap = folder / "run.pcap";
  { HomaPair pair(setup); }
  EXPECT_TRUE(std::filesystem::exists(folder / "run-1.pcap"));
  EXPECT_TRUE(std::filesystem::exists(folder / "run-2.pcap"));
  EXPECT_FALSE(std::filesystem::exists(folder / "run.pcap"));
  std::filesystem::remove_all(folder);
}

TEST(HomaTransport, AHostThatCannotOpenSaysWhy) {
  BenchSetup setup = loopback_setup(2);
  setup.hosts[0].address = "192.0.2.1";
  const BenchPattern pattern(10);
  const auto made = make_homa_transport(setup, 0, 0, pattern);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().text.find("192.0.2.1"), std::string::npos) << made.error().text;
}

}  // namespace
}  // namespace homa::tools
