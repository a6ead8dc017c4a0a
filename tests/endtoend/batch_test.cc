// HostConfig::send_batch: messages that leave together, and those that must not wait.
#include <chrono>
#include <optional>
#include <vector>

#include "hosts.h"

namespace homa {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::bytes_of;
using testing::counter;
using testing::loopback_config;
using testing::open_host;

HostConfig batching(std::uint32_t send_batch) {
  HostConfig config = loopback_config(HostConfig::Engine::kPolled);
  config.send_batch = send_batch;
  return config;
}

// One thread: a client that sends many requests, then a server that answers what came.
class Batch : public ::testing::Test {
 protected:
  void open(std::uint32_t send_batch) {
    server_host_.emplace(open_host(batching(send_batch)));
    server_ = server_host_->serve(4000).value();
  }
  SocketAddress address() const { return {server_host_->address(), 4000}; }
  void send(int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(client_.send(address(), bytes_of("request")));
  }
  void answer(int count) {
    for (int i = 0; i < count; ++i) {
      const auto request = server_.receive(5s);
      ASSERT_TRUE(request) << request.error().text;
      ASSERT_TRUE(server_.reply(request->rpc(), bytes_of("response")));
    }
  }
  int responses() {
    int count = 0;
    while (const auto response = client_.receive(100ms)) {
      if (response->kind() == Message::Kind::kResponse) ++count;
    }
    return count;
  }

  Host client_host_ = open_host(batching(1));
  Socket client_ = client_host_.client().value();
  std::optional<Host> server_host_;
  Socket server_;
};

TEST_F(Batch, JoinsRepliesWhileRequestsAreReady) {
  constexpr int kRequests = 64;
  open(16);
  send(kRequests);
  answer(kRequests);
  EXPECT_EQ(responses(), kRequests);
  // Receiving them takes calls of its own, and the last visits acks; without batches it is 64.
  EXPECT_LT(counter(*server_host_, "io_send_calls"), kRequests / 2);
}

TEST_F(Batch, OneIsTheDefaultAndSendsEachAtOnce) {
  constexpr int kRequests = 64;
  open(HostConfig{}.send_batch);
  send(kRequests);
  answer(kRequests);
  EXPECT_EQ(responses(), kRequests);
  EXPECT_GE(counter(*server_host_, "io_send_calls"), kRequests);
}

// The server does not come back for another message: what it sent must be on its way.
TEST_F(Batch, ALoneMessageDoesNotWait) {
  open(16);
  send(1);
  answer(1);
  EXPECT_EQ(responses(), 1);
}

TEST_F(Batch, LooksForAMessageLetEverythingGo) {
  open(256);
  send(3);
  answer(2);  // the third is ready: both replies wait
  const auto third = server_.receive(0ms);
  ASSERT_TRUE(third);
  EXPECT_EQ(server_.receive(0ms).error().code, ErrorCode::kWouldBlock);
  EXPECT_EQ(responses(), 2);
}

TEST_F(Batch, ClosingLetsEverythingGo) {
  open(256);
  send(3);
  answer(2);
  server_.close();
  int responses = 0;
  int failures = 0;
  while (const auto message = client_.receive(200ms)) {
    ++(message->kind() == Message::Kind::kResponse ? responses : failures);
  }
  EXPECT_EQ(responses, 2);
  EXPECT_EQ(failures, 1);
}

TEST(BatchConfig, IsCheckedWhenTheHostOpens) {
  for (const std::uint32_t wrong : {0U, 257U}) {
    const auto host = Host::open(batching(wrong));
    ASSERT_FALSE(host);
    EXPECT_EQ(host.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace homa
