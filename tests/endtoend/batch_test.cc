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
  int responses_with_cookie(std::uint64_t cookie) {
    int count = 0;
    while (const auto response = client_.receive(100ms)) {
      count += response->kind() == Message::Kind::kResponse && response->cookie() == cookie ? 1 : 0;
    }
    return count;
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

// What a batch cannot send has its own error and does not keep the rest.
TEST_F(Batch, ManyMessagesInOneCall) {
  const auto request = bytes_of("request");
  const std::vector<std::byte> longer = testing::pattern(200'000, 1);
  std::vector<OutgoingRequest> requests(50, OutgoingRequest{address(), request, {.cookie = 7}});
  requests[10].request = longer;
  requests[20].request = {};
  requests[30].server.port = 0;
  EXPECT_EQ(client_.send_many(requests), 48U);
  EXPECT_EQ(requests[20].error, ErrorCode::kInvalidArgument);
  EXPECT_EQ(requests[30].rpc, 0U);

  std::vector<Message> messages(20);
  std::vector<OutgoingResponse> responses;
  std::size_t bytes = 0;
  for (std::size_t came = 0; came < 48;) {
    const auto some = server_.receive_many(messages, 5s);
    ASSERT_TRUE(some) << some.error().text;
    responses.clear();
    for (Message& message : std::span(messages).first(*some)) {
      bytes += message.size();
      responses.push_back({message.rpc(), request});
    }
    responses.push_back({12'345, request});  // nobody asked so
    EXPECT_EQ(server_.reply_many(responses), *some);
    EXPECT_EQ(responses.back().error, ErrorCode::kNoSuchRpc);
    came += *some;
  }
  EXPECT_EQ(bytes, 47 * request.size() + longer.size());
  EXPECT_EQ(server_.receive_many(messages, 0ms).error().code, ErrorCode::kWouldBlock);
  EXPECT_EQ(responses_with_cookie(7), 48);
  EXPECT_EQ(server_.receive_many({}, 0ms).value(), 0U);
}

TEST_F(Batch, OfAClosedSocketSaysSo) {
  std::vector<OutgoingRequest> requests(2, OutgoingRequest{address(), bytes_of("x")});
  client_.close();
  EXPECT_EQ(client_.send_many(requests), 0U);
  EXPECT_EQ(requests[1].error, ErrorCode::kClosed);
}

TEST_F(Batch, NothingIsAnEmptyRequest) {
  EXPECT_EQ(client_.send(address(), {}).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace homa
