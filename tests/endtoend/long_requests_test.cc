// Requests of which the server sees the head before it takes the rest.
#include <atomic>
#include <chrono>
#include <numeric>
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
using testing::loopback_config;
using testing::open_host;
using testing::pattern;
using testing::RunBy;

constexpr std::size_t kLong = 700'000;

class LongRequests : public ::testing::TestWithParam<RunBy> {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.announce_longer_than(100'000)); }
  HostConfig config() const {
    HostConfig config = loopback_config(GetParam());
    config.parameters["unscheduled_bytes"] = "20000";
    return config;
  }
  SocketAddress server() const { return {server_host_.address(), 4000}; }
  // The head of one that was just sent.
  Message head() {
    auto head = server_.receive(10s);
    EXPECT_TRUE(head) << head.error().text;
    EXPECT_EQ(head->kind(), Message::Kind::kHead);
    return std::move(head).value();
  }

  Host server_host_ = open_host(config());
  Host client_host_ = open_host(config());
  Socket server_ = server_host_.serve(4000).value();
  Socket client_ = client_host_.client().value();
  const std::vector<std::byte> request_ = pattern(kLong, 1);
};

INSTANTIATE_TEST_SUITE_P(Engines, LongRequests, ::testing::Values(RunBy::kLibrary, RunBy::kCallers),
                         [](const auto& parameter) {
                           return parameter.param == RunBy::kLibrary ? "library" : "callers";
                         });

TEST_P(LongRequests, TheRestComesWhereTheServerSays) {
  const RpcHandle rpc = client_.send(server(), request_).value();
  Message first = head();
  EXPECT_EQ(first.total(), kLong);
  ASSERT_GE(first.size(), 1'000U);
  ASSERT_LE(first.size(), 60'000U) << "more than was sent unasked";
  EXPECT_TRUE(std::equal(first.bytes().begin(), first.bytes().end(), request_.begin()));
  EXPECT_EQ(server_.receive(50ms).error().code, ErrorCode::kWouldBlock) << "nobody asked for it";
  EXPECT_EQ(server_.reply(first.rpc(), bytes_of("early")).error().code, ErrorCode::kNoSuchRpc);

  std::vector<std::byte> place(kLong);
  const auto too_small = server_.accept(std::move(first), std::span(place).first(kLong - 1));
  EXPECT_EQ(too_small.error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(server_.accept(std::move(first), place));
  const auto whole = server_.receive(10s);
  ASSERT_TRUE(whole) << whole.error().text;
  EXPECT_TRUE(whole->is_request());
  EXPECT_EQ(whole->bytes().data(), place.data());
  EXPECT_TRUE(std::ranges::equal(whole->bytes(), request_));
  ASSERT_TRUE(server_.reply(whole->rpc(), bytes_of("thanks")));
  EXPECT_TRUE(client_.receive_response(rpc, 10s));
}

TEST_P(LongRequests, ShortOnesComeAsEverAndLongOnesInReceiveMemoryIfNoPlaceIsGiven) {
  ASSERT_TRUE(client_.send(server(), pattern(100'000, 2)));
  const auto at_the_limit = server_.receive(10s);
  ASSERT_TRUE(at_the_limit) << at_the_limit.error().text;
  EXPECT_TRUE(at_the_limit->is_request());
  ASSERT_TRUE(client_.send(server(), request_));
  ASSERT_TRUE(server_.accept(head()));
  const auto whole = server_.receive(10s);
  ASSERT_TRUE(whole) << whole.error().text;
  EXPECT_TRUE(std::ranges::equal(whole->bytes(), request_));
}

TEST_P(LongRequests, OneThatIsRefusedOrDroppedWasNotExecuted) {
  const RpcHandle refused = client_.send(server(), request_).value();
  ASSERT_TRUE(server_.refuse(head(), ErrorCode::kNotPermitted));
  const auto why = client_.receive_response(refused, 10s);
  ASSERT_TRUE(why) << why.error().text;
  EXPECT_EQ(why->error(), ErrorCode::kNotPermitted);
  EXPECT_EQ(why->executed(), Executed::kNo);

  const RpcHandle dropped = client_.send(server(), request_).value();
  head();
  const auto full = client_.receive_response(dropped, 10s);
  ASSERT_TRUE(full) << full.error().text;
  EXPECT_EQ(full->error(), ErrorCode::kOverloaded);
  EXPECT_EQ(full->executed(), Executed::kNo);
}

TEST_P(LongRequests, TheServerLearnsThatTheClientGaveUp) {
  // While it looks at the head: its bytes stay.
  const RpcHandle first = client_.send(server(), request_).value();
  Message seen = head();
  ASSERT_TRUE(client_.abort(first));
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (server_.client_waits(seen.rpc()) && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(1ms);
  }
  ASSERT_TRUE(client_.send(server(), pattern(kLong, 9)));  // may lie anywhere but there
  Message second = head();
  EXPECT_TRUE(std::equal(seen.bytes().begin(), seen.bytes().end(), request_.begin()));
  EXPECT_EQ(server_.accept(std::move(seen)).error().code, ErrorCode::kNoSuchRpc);

  // After it has received another one whole.
  ASSERT_TRUE(server_.accept(std::move(second)));
  const auto whole = server_.receive(10s);
  ASSERT_TRUE(whole) << whole.error().text;
  EXPECT_TRUE(whole->is_request());
  const RpcHandle third = client_.send(server(), request_).value();
  Message last = head();
  const RpcHandle handle = last.rpc();
  ASSERT_TRUE(client_.abort(third));
  const auto again = std::chrono::steady_clock::now() + 10s;
  while (server_.client_waits(handle) && std::chrono::steady_clock::now() < again) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_FALSE(server_.client_waits(handle));
}

TEST_P(LongRequests, OneThatWasAcceptedAndDoesNotComeIsAFailure) {
  std::vector<RpcHandle> accepted;
  {
    Host other = open_host(config());
    Socket socket = other.client().value();
    ASSERT_TRUE(socket.send(server(), request_));
    Message first = head();
    accepted.push_back(first.rpc());
    other = open_host(config());  // the former one ends, and says so
    static_cast<void>(server_.accept(std::move(first)));
  }
  // It heard of that before or after it accepted: then the request fails, unless it came whole.
  const auto end = server_.receive(300ms);
  if (!end) {
    EXPECT_EQ(end.error().code, ErrorCode::kWouldBlock);
  } else if (!end->is_request()) {
    EXPECT_EQ(end->kind(), Message::Kind::kFailure);
    EXPECT_EQ(end->rpc(), accepted.front());
  }
  EXPECT_FALSE(server_.client_waits(accepted.front()) && !end);
}

TEST_P(LongRequests, ManyAtOnceAreAnsweredOrNotExecuted) {
  constexpr int kCalls = 24;  // on a machine at work, some wait too long for memory
  std::atomic<int> answered{0}, refused{0};
  std::thread serving([&] {
    int heads = 0;
    while (auto message = server_.receive()) {
      if (message->kind() == Message::Kind::kHead) {
        const bool take = ++heads % 3 != 0;
        const auto decided =
            take ? server_.accept(std::move(*message)) : server_.refuse(std::move(*message));
        EXPECT_TRUE(decided || decided.error().code == ErrorCode::kNoSuchRpc);
      } else if (message->is_request()) {
        EXPECT_TRUE(std::ranges::equal(message->bytes(), request_));
        EXPECT_TRUE(server_.reply(message->rpc(), bytes_of("ok")));
      }
    }
  });
  std::vector<RpcHandle> rpcs;
  for (int i = 0; i < kCalls; ++i) {
    auto rpc = client_.send(server(), request_);
    while (!rpc && rpc.error().code == ErrorCode::kNoMemory) {
      std::this_thread::sleep_for(5ms);  // transmit memory is full
      rpc = client_.send(server(), request_);
    }
    ASSERT_TRUE(rpc) << rpc.error().text;
    rpcs.push_back(*rpc);
  }
  for (const RpcHandle rpc : rpcs) {
    const auto end = client_.receive_response(rpc, 60s);
    ASSERT_TRUE(end) << end.error().text;
    if (end->kind() == Message::Kind::kResponse) {
      ++answered;
    } else if (end->executed() == Executed::kNo) {
      ++refused;
    } else {
      ADD_FAILURE() << end->failure().text;
    }
  }
  server_.shutdown();
  serving.join();
  EXPECT_EQ(answered + refused, kCalls);
  EXPECT_GT(answered, 0);
  EXPECT_GT(refused, 0);
}

TEST_P(LongRequests, ASocketThatClosesWithHeadsLeavesNothingBehind) {
  for (int i = 0; i < 3; ++i) {
    const RpcHandle rpc = client_.send(server(), request_).value();
    Message seen = head();
    const RpcHandle unseen = client_.send(server(), request_).value();
    if (i > 0) std::this_thread::sleep_for(20ms);
    server_.close();
    for (const RpcHandle one : {rpc, unseen}) {
      const auto end = client_.receive_response(one, 10s);
      ASSERT_TRUE(end) << end.error().text;
      EXPECT_EQ(end->executed(), Executed::kNo);
    }
    EXPECT_TRUE(std::equal(seen.bytes().begin(), seen.bytes().end(), request_.begin()));
    EXPECT_EQ(server_.accept(std::move(seen)).error().code, ErrorCode::kClosed);
    seen.release();
    server_ = server_host_.serve(4000).value();
    ASSERT_TRUE(server_.announce_longer_than(100'000));
  }
}

TEST(LongRequestsInC, AreAcceptedAndRefused) {
  CHosts hosts("unscheduled_bytes=20000");
  ASSERT_FALSE(HasFailure());
  homa_socket_t *const server = hosts.server, *const client = hosts.client;
  homa_outgoing requests[2] = {};
  const std::vector<std::byte> bytes = pattern(200'000, 3);
  for (homa_outgoing& one : requests) {
    one.data = bytes.data();
    one.length = bytes.size();
    one.flags = HOMA_PRIVATE;
    one.server = hosts.to;
  }
  ASSERT_EQ(homa_announce(server, 50'000), 0);
  ASSERT_EQ(homa_send_many(client, requests, 2), 2) << homa_last_error();
  homa_message head{}, whole{}, response{};
  ASSERT_EQ(homa_recv(server, 0, 5'000'000, &head), 0) << homa_last_error();
  EXPECT_EQ(head.kind, HOMA_HEAD);
  EXPECT_EQ(head.total, 200'000U);
  std::vector<char> place(200'000);
  EXPECT_EQ(homa_accept(server, &head, place.data(), 10), -HOMA_EINVALID);
  ASSERT_EQ(homa_accept(server, &head, place.data(), place.size()), 0) << homa_last_error();
  EXPECT_EQ(homa_accept(server, &head, nullptr, 0), -HOMA_EINVALID);
  int refused = 0, answered = 0;
  while (refused + answered < 2) {
    ASSERT_EQ(homa_recv(server, 0, 5'000'000, &whole), 0) << homa_last_error();
    if (whole.kind == HOMA_HEAD) {
      EXPECT_EQ(homa_refuse(server, &whole, HOMA_ENOTPERMITTED), 0);
      ++refused;
      continue;
    }
    EXPECT_EQ(whole.data, place.data());
    homa_outgoing answers[2] = {};
    answers[0] = {"ok", 2, {}, 0, whole.id, 0, 0};
    answers[1] = {"ok", 2, {}, 0, whole.id, 0, 0};
    EXPECT_EQ(homa_reply_many(server, answers, 2), 1);
    EXPECT_EQ(answers[1].error, -HOMA_ENORPC);
    homa_release(&whole);
    ++answered;
  }
  EXPECT_EQ(refused, 1);
  int failures = 0;
  for (const homa_outgoing& one : requests) {
    ASSERT_EQ(homa_recv(client, one.id, 5'000'000, &response), 0) << homa_last_error();
    failures += response.kind == HOMA_FAILURE && response.error == HOMA_ENOTPERMITTED ? 1 : 0;
    homa_release(&response);
  }
  EXPECT_EQ(failures, 1);
}

}  // namespace
}  // namespace homa
