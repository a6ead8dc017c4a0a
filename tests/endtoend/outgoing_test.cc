// Messages that are built in place or sent in pieces, and the end of a service.
#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "c_hosts.h"
#include "homa/homa.h"
#include "hosts.h"

namespace homa {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::bytes_of;
using testing::CHosts;
using testing::EchoServer;
using testing::loopback_config;
using testing::open_host;
using testing::pattern;
using testing::RunBy;
using testing::text_of;

class Outgoing : public ::testing::TestWithParam<RunBy> {
 protected:
  SocketAddress to(std::uint16_t port) const { return {server_host_.address(), port}; }

  Host client_host_ = open_host(loopback_config(GetParam()));
  Host server_host_ = open_host(loopback_config(GetParam()));
  Socket client_ = client_host_.client().value();
};

INSTANTIATE_TEST_SUITE_P(Engines, Outgoing, ::testing::Values(RunBy::kLibrary, RunBy::kCallers),
                         [](const auto& parameter) {
                           return parameter.param == RunBy::kLibrary ? "library" : "callers";
                         });

TEST_P(Outgoing, MessagesInPlaceArriveWhole) {
  Socket server = server_host_.serve(4000).value();
  for (const std::size_t length : {1UL, 1'400UL, 65'536UL, 300'001UL, std::size_t{4} << 20}) {
    const auto bytes = pattern(length, length);
    auto request = client_.prepare(length + 1);
    if (length == std::size_t{4} << 20) {
      EXPECT_EQ(request.error().code, ErrorCode::kTooLong);
      request = client_.prepare(length);
    }
    ASSERT_TRUE(request) << request.error().text;
    std::ranges::copy(bytes, request->bytes().begin());
    request->shrink(length);
    const auto rpc = client_.send(to(4000), std::move(*request));
    ASSERT_TRUE(rpc) << rpc.error().text;
    const auto received = server.receive(10s);
    ASSERT_TRUE(received) << received.error().text;
    ASSERT_TRUE(std::ranges::equal(received->bytes(), bytes)) << length;
    auto response = server.prepare(length);
    ASSERT_TRUE(response) << response.error().text;
    std::ranges::copy(received->bytes(), response->bytes().begin());
    ASSERT_TRUE(server.reply(received->rpc(), std::move(*response)));
    const auto answer = client_.receive_response(*rpc, 10s);
    ASSERT_TRUE(answer) << answer.error().text;
    ASSERT_TRUE(std::ranges::equal(answer->bytes(), bytes)) << length;
  }
}

TEST_P(Outgoing, MessagesInPiecesArriveAsOne) {
  Socket server = server_host_.serve(4000).value();
  for (const std::size_t body : {0UL, 10UL, 70'000UL, 500'000UL}) {
    const auto head = pattern(24, 1), tail = pattern(body, 2);
    const std::array<std::span<const std::byte>, 3> pieces{head, tail, head};
    const RpcHandle rpc = client_.send(to(4000), Pieces(pieces)).value();
    const auto request = server.receive(10s);
    ASSERT_TRUE(request) << request.error().text;
    ASSERT_EQ(request->size(), 48 + body);
    EXPECT_TRUE(std::ranges::equal(request->bytes().first(24), head));
    EXPECT_TRUE(std::ranges::equal(request->bytes().subspan(24, body), tail));
    EXPECT_TRUE(std::ranges::equal(request->bytes().last(24), head));
    ASSERT_TRUE(server.reply(request->rpc(), Pieces(pieces)));
    EXPECT_EQ(client_.receive_response(rpc, 10s)->size(), 48 + body);
  }
  EXPECT_EQ(client_.send(to(4000), Pieces(nullptr, 0)).error().code, ErrorCode::kInvalidArgument);
}

TEST_P(Outgoing, ADrainingServerAnswersWhatItHasAndRefusesTheRest) {
  Socket server = server_host_.serve(4000).value();
  const RpcHandle first = client_.send(to(4000), bytes_of("before")).value();
  const auto request = server.receive(5s);
  ASSERT_TRUE(request) << request.error().text;
  ASSERT_TRUE(server.stop_accepting());
  const auto refused = client_.call(to(4000), bytes_of("after"), 20s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDraining) << refused.error().text;
  EXPECT_EQ(refused.error().executed, Executed::kNo);
  const auto busy = server.drain(20ms);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, ErrorCode::kTimeout) << busy.error().text;
  EXPECT_TRUE(server.client_waits(request->rpc()));
  std::thread worker([&] {
    std::this_thread::sleep_for(20ms);
    EXPECT_TRUE(server.reply(request->rpc(), bytes_of("done")));
  });
  const auto drained = server.drain(10s);
  worker.join();
  ASSERT_TRUE(drained) << drained.error().text;
  EXPECT_FALSE(server.client_waits(request->rpc()));
  server.shutdown();
  EXPECT_EQ(server.drain(1s).error().code, ErrorCode::kClosed);
  EXPECT_EQ(server.stop_accepting().error().code, ErrorCode::kClosed);
  EXPECT_EQ(text_of(client_.receive_response(first, 5s).value()), "done");
}

TEST_P(Outgoing, WhatComesAfterStopAcceptingIsRefused) {
  for (std::uint16_t port = 4000; port < 4040; ++port) {
    Socket server = server_host_.serve(port).value();
    ASSERT_TRUE(server.stop_accepting());
    const auto refused = client_.call(to(port), bytes_of("x"), 10s);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kDraining) << refused.error().text;
  }
}

TEST_P(Outgoing, AClientThatEndedHoldsNoDrainUp) {
  EchoServer server(server_host_, 4000);
  {
    Host short_lived = open_host(loopback_config(GetParam()));
    Socket socket = short_lived.client().value();
    ASSERT_TRUE(socket.call(server.address(), bytes_of("x"), 20s));
  }  // without an acknowledgement
  ASSERT_TRUE(server.socket().stop_accepting());
  const auto drained = server.socket().drain(8s);
  EXPECT_TRUE(drained) << drained.error().text;
}

// Whatever happens in the last moments, a client has its answer or knows that it may ask elsewhere.
TEST_P(Outgoing, NoCallIsLostWhenAServerDrains) {
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0}, elsewhere{0}, lost{0};
  EchoServer second(server_host_, 4001);
  auto first = std::make_unique<EchoServer>(server_host_, 4000, 2);
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&] {
      Socket socket = client_host_.client().value();
      while (!stop) {
        const auto response = socket.call(to(4000), pattern(3'000, 1), 20s);
        if (response) {
          ++answered;
        } else if (response.error().executed == Executed::kNo) {
          elsewhere += socket.call(to(4001), bytes_of("again"), 20s) ? 1 : 0;
        } else {
          ++lost;
          ADD_FAILURE() << response.error().text;
        }
      }
    });
  }
  while (answered < 50) std::this_thread::sleep_for(1ms);
  ASSERT_TRUE(first->socket().stop_accepting());
  const auto drained = first->socket().drain(20s);
  EXPECT_TRUE(drained) << drained.error().text;
  first.reset();
  while (elsewhere < 20) std::this_thread::sleep_for(1ms);
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(lost, 0);
}

TEST_P(Outgoing, AHandlerSeesThatItsClientIsGone) {
  Socket server = server_host_.serve(4000).value();
  const RpcHandle rpc = client_.send(to(4000), bytes_of("x")).value();
  const auto request = server.receive(5s);
  ASSERT_TRUE(request) << request.error().text;
  EXPECT_TRUE(server.client_waits(request->rpc()));
  ASSERT_TRUE(client_.abort(rpc));
  const auto until = std::chrono::steady_clock::now() + 5s;
  while (server.client_waits(request->rpc()) && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_FALSE(server.client_waits(request->rpc()));
  EXPECT_FALSE(server.client_waits(12'345));
}

TEST(OutgoingInC, PiecesAndMessagesInPlace) {
  CHosts hosts;
  ASSERT_FALSE(HasFailure());
  homa_socket_t *const server = hosts.server, *const client = hosts.client;
  const homa_address to = hosts.to;

  char head[] = "head ", body[] = "body";
  const iovec pieces[] = {{head, 5}, {body, 4}};
  std::uint64_t rpc = 0;
  ASSERT_EQ(homa_sendv(client, pieces, 2, &to, &rpc, 7, 0), 0) << homa_last_error();
  homa_message request{}, response{};
  ASSERT_EQ(homa_recv(server, 0, 5'000'000, &request), 0) << homa_last_error();
  EXPECT_EQ(std::string_view(static_cast<const char*>(request.data), request.length), "head body");
  EXPECT_EQ(homa_client_waits(server, request.id), 1);
  EXPECT_EQ(homa_replyv(server, pieces, 1, request.id), 0);
  EXPECT_EQ(homa_client_waits(server, request.id), 0);
  homa_release(&request);
  ASSERT_EQ(homa_recv(client, rpc, 5'000'000, &response), 0) << homa_last_error();
  EXPECT_EQ(response.cookie, 7U);
  homa_release(&response);

  homa_prepared message{};
  EXPECT_EQ(homa_send_prepared(client, &message, &to, &rpc, 0, 0), -HOMA_EINVALID);
  ASSERT_EQ(homa_prepare(client, 100, &message), 0) << homa_last_error();
  std::memcpy(message.data, "in place", 8);
  message.length = 101;
  EXPECT_EQ(homa_send_prepared(client, &message, &to, &rpc, 0, 0), -HOMA_EINVALID);
  message.length = 8;
  ASSERT_EQ(homa_send_prepared(client, &message, &to, &rpc, 0, 0), 0) << homa_last_error();
  EXPECT_EQ(message.data, nullptr);
  ASSERT_EQ(homa_recv(server, 0, 5'000'000, &request), 0) << homa_last_error();
  EXPECT_EQ(std::string_view(static_cast<const char*>(request.data), request.length), "in place");
  ASSERT_EQ(homa_prepare(server, 1, &message), 0) << homa_last_error();
  ASSERT_EQ(homa_stop_accepting(server), 0);
  EXPECT_EQ(homa_drain(server, 0), -HOMA_ETIMEOUT);
  EXPECT_EQ(homa_reply_prepared(server, &message, request.id), 0) << homa_last_error();
  EXPECT_EQ(homa_drain(server, 5'000'000), 0) << homa_last_error();
  homa_release(&request);
  ASSERT_EQ(homa_prepare(client, 10, &message), 0);
  hosts.close();
  homa_discard(&message);
  homa_discard(&message);
}

}  // namespace
}  // namespace homa
