// Messages that may wait for the next one (src/client/outbox.h, "Holding back") and must not be
// lost.
#include <chrono>

#include "hosts.h"

namespace homa {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::bytes_of;
using testing::loopback_config;
using testing::open_host;

// One thread: a client that sends many requests, then a server that answers what came.
class Batch : public ::testing::Test {
 protected:
  SocketAddress address() const { return {server_host_.address(), 4000}; }
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

  Host client_host_ = open_host(loopback_config());
  Socket client_ = client_host_.client().value();
  Host server_host_ = open_host(loopback_config());
  Socket server_ = server_host_.serve(4000).value();
};

TEST_F(Batch, AllAreAnsweredWhenTheServerWaitsForMore) {
  constexpr int kRequests = 64;
  send(kRequests);
  answer(kRequests);
  EXPECT_EQ(server_.receive(1ms).error().code, ErrorCode::kWouldBlock);
  EXPECT_EQ(responses(), kRequests);
}

TEST_F(Batch, AllAreAnsweredWhenTheServerLooksForMore) {
  constexpr int kRequests = 64;
  send(kRequests);
  answer(kRequests);
  EXPECT_EQ(server_.receive(0ms).error().code, ErrorCode::kWouldBlock);
  EXPECT_EQ(responses(), kRequests);
}

// The server works on a request for long, after others that it answered at once.
TEST_F(Batch, RepliesLeaveWhileTheServerIsBusy) {
  send(40);
  answer(20);
  EXPECT_EQ(responses(), 20);
  answer(20);
  EXPECT_EQ(responses(), 20);
}

TEST_F(Batch, ClosingSendsWhatWasAnswered) {
  send(40);
  answer(20);
  server_.close();
  int responses = 0;
  int failures = 0;
  while (const auto message = client_.receive(200ms)) {
    ++(message->kind() == Message::Kind::kResponse ? responses : failures);
  }
  EXPECT_EQ(responses, 20);
  EXPECT_EQ(failures, 20);
}

}  // namespace
}  // namespace homa
