// Errors that can be acted upon: what happened, what to do, and whether the request was executed.
#include <chrono>

#include "c_hosts.h"
#include "homa/homa.h"
#include "hosts.h"

namespace homa {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::bytes_of;
using testing::CHosts;
using testing::loopback_config;
using testing::open_host;
using testing::pattern;

class Errors : public ::testing::Test {
 protected:
  SocketAddress to(std::uint16_t port) const { return {server_host_.address(), port}; }

  Host server_host_ = open_host(loopback_config());
  Host client_host_ = open_host(loopback_config());
  Socket client_ = client_host_.client().value();
};

TEST_F(Errors, ARequestToNobodyWasNotExecuted) {
  // A host takes packets once it has a port.
  Socket other = server_host_.serve(3999).value();
  const auto response = client_.call(to(4000), bytes_of("x"), 20s);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kNoSuchSocket);
  EXPECT_EQ(response.error().executed, Executed::kNo) << response.error().text;
}

TEST_F(Errors, ARequestThatTheServerAbortedMayHaveBeenExecuted) {
  Socket server = server_host_.serve(4000).value();
  const RpcHandle rpc = client_.send(to(4000), bytes_of("x")).value();
  const auto request = server.receive(5s);
  ASSERT_TRUE(request);
  ASSERT_TRUE(server.abort(request->rpc(), ErrorCode::kOverloaded));
  const auto failure = client_.receive_response(rpc, 5s);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->error(), ErrorCode::kOverloaded);
  EXPECT_EQ(failure->executed(), Executed::kPerhaps);
}

TEST_F(Errors, TheCallersOwnDeadlineIsNotThePeersSilence) {
  Socket server = server_host_.serve(4000).value();
  const auto response = client_.call(to(4000), bytes_of("x"), 20ms);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(response.error().executed, Executed::kPerhaps);
  EXPECT_NE(response.error().text.find("time that the caller gave"), std::string::npos);
}

TEST_F(Errors, ASilentPeerIsNotTheCallersDeadline) {
  HostConfig config = loopback_config();
  config.parameters["timeout_ticks"] = "40";
  config.loss = 1;  // nobody hears a word
  Host host = open_host(config);
  Socket client = host.client().value();
  const auto response = client.call(to(4000), bytes_of("x"), 60s);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kPeerSilent) << response.error().text;
  EXPECT_EQ(response.error().executed, Executed::kPerhaps);
}

class SmallMemory : public ::testing::Test {
 protected:
  static HostConfig config() {
    HostConfig config = loopback_config();
    config.transmit_bytes = 64 << 10;
    return config;
  }
  Host host_ = open_host(config());
  Socket client_ = host_.client().value();
  const SocketAddress nobody_{Address::v4(127, 0, 0, 1, 9), 4000};
};

TEST_F(SmallMemory, AMessageThatNeverFitsIsTooLong) {
  const auto sent = client_.send(nobody_, pattern(70'000, 1));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kTooLong);
  EXPECT_EQ(sent.error().text.find("try again"), std::string::npos) << sent.error().text;
}

TEST_F(SmallMemory, StatusAnswersWhenTransmitMemoryIsFull) {
  Host server_host = open_host(loopback_config());
  Socket server = server_host.serve(4000).value();  // takes requests, and never answers
  const SocketAddress to{server_host.address(), 4000};
  int sent = 0;
  for (; client_.send(to, pattern(4'000, 1)); ++sent) continue;
  EXPECT_EQ(sent, 16);
  EXPECT_EQ(client_.send(to, pattern(4'000, 1)).error().code, ErrorCode::kNoMemory);
  const auto status = client_.status();
  ASSERT_TRUE(status) << status.error().text;
  EXPECT_EQ(status->rpcs.size(), 16U);
}

TEST(CInterface, AReleasedRequestCanBeAnswered) {
  CHosts hosts;
  ASSERT_FALSE(HasFailure());
  homa_socket_t *const server = hosts.server, *const client = hosts.client;
  homa_address to = hosts.to;
  std::uint64_t rpc = 0;
  ASSERT_EQ(homa_send(client, "x", 1, &to, &rpc, 0, 0), 0) << homa_last_error();
  homa_message request{};
  ASSERT_EQ(homa_recv(server, 0, 5'000'000, &request), 0) << homa_last_error();
  homa_release(&request);
  EXPECT_EQ(request.data, nullptr);
  EXPECT_EQ(request.length, 0U);
  homa_release(&request);
  EXPECT_EQ(homa_reply(server, "y", 1, request.id), 0) << homa_last_error();
  homa_message response{};
  ASSERT_EQ(homa_recv(client, rpc, 5'000'000, &response), 0) << homa_last_error();
  EXPECT_EQ(response.kind, HOMA_RESPONSE);
  homa_release(&response);

  to.port = 4001;
  EXPECT_EQ(homa_invoke(client, "x", 1, &to, 5'000'000, &response), -HOMA_ENOSOCKET);
  EXPECT_EQ(homa_last_executed(), HOMA_NOT_EXECUTED);
}

TEST(ResultDeathTest, SaysWhichErrorItHolds) {
  const Result<int, Error> result = Unexpected(Error{ErrorCode::kSystem, "the disk is on fire"});
  EXPECT_DEATH(static_cast<void>(*result), "the disk is on fire");
}

}  // namespace
}  // namespace homa
