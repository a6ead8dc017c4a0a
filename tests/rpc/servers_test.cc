// Several servers behind one channel, of which some refuse, drain or are not there.
#include <algorithm>
#include <future>
#include <memory>
#include <mutex>
#include <numeric>
#include <vector>

#include "shop.h"

namespace homa::rpc {
namespace {

using homa::testing::loopback_config;
using homa::testing::open_host;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;
using testing::Order;
using testing::order_of;
using testing::Orders;
using testing::Receipt;
using testing::Shop;

class Servers : public ::testing::Test {
 protected:
  Server serve(std::uint16_t port, Service& service, const ServerOptions& options = {}) {
    auto server = Server::open(host_, port, options).value();
    EXPECT_TRUE(server.add(service));
    EXPECT_TRUE(server.start());
    return server;
  }
  Channel channel(std::initializer_list<std::uint16_t> ports, const ChannelOptions& options = {}) {
    std::string target = "list:";
    for (const std::uint16_t port : ports) {
      target += SocketAddress{host_.address(), port}.to_string() + ",";
    }
    return Channel::open(host_, target, options).value();
  }

  Host host_ = open_host(loopback_config());
};

TEST_F(Servers, ShareTheCalls) {
  Shop shops[3];
  Server a = serve(4001, shops[0]), b = serve(4002, shops[1]), c = serve(4003, shops[2]);
  Channel channel = this->channel({4001, 4002, 4003});
  Orders::Stub stub(channel);
  for (int i = 0; i < 300; ++i) {
    ClientContext context;
    Receipt receipt;
    ASSERT_TRUE(stub.Place(context, order_of(1), &receipt).ok());
  }
  for (const Shop& shop : shops) EXPECT_GT(shop.orders, 50U);
}

TEST_F(Servers, ThatDrainSendTheirCallersElsewhere) {
  Shop first, second;
  Server draining = serve(4001, first), other = serve(4002, second);
  Channel channel = this->channel({4001, 4002});
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0}, worked{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&] {
      Orders::Stub stub(channel);
      while (!stop) {
        ClientContext context;
        Receipt receipt;
        const Status status = stub.Place(context, order_of(1), &receipt);
        ++(status.ok() ? worked : failed);
        if (!status.ok()) ADD_FAILURE() << status.message();
      }
    });
  }
  while (worked < 100) std::this_thread::sleep_for(1ms);
  const auto drained = draining.shutdown(20s);
  EXPECT_TRUE(drained) << drained.error().text;
  const int so_far = worked;
  while (worked < so_far + 100) std::this_thread::sleep_for(1ms);
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(first.orders + second.orders, static_cast<std::uint64_t>(worked))
      << "nothing ran twice";
}

TEST_F(Servers, ThatAreFullLeaveCallsToOthers) {
  Shop busy, idle;
  Server full = serve(4001, busy, {.threads = 2, .calls_max = 1});
  Server other = serve(4002, idle);
  Channel holder = channel({4001});
  std::stop_source stop;
  std::thread held([&] {
    ClientContext context;
    context.set_stop(stop.get_token());
    Receipt receipt;
    static_cast<void>(Orders::Stub(holder).Count(context, Order::Item(), &receipt).ok());
  });
  while (full.statistics()[4].in_progress == 0) std::this_thread::sleep_for(1ms);
  ClientContext refused;
  Receipt receipt;
  const Status status = Orders::Stub(holder).Place(refused, order_of(1), &receipt);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(status.executed(), Executed::kNo);
  Channel both = channel({4001, 4002});
  for (int i = 0; i < 5; ++i) {
    ClientContext context;
    ASSERT_TRUE(Orders::Stub(both).Place(context, order_of(1), &receipt).ok());
  }
  EXPECT_EQ(idle.orders, 5U);
  stop.request_stop();
  held.join();
}

TEST_F(Servers, ThatAreNotThereAreLeftOut) {
  Shop shop;
  Server server = serve(4001, shop);
  Channel channel = this->channel({4001, 4002, 4003});
  Orders::Stub stub(channel);
  unsigned attempts = 0;
  for (int i = 0; i < 60; ++i) {
    ClientContext context;
    Receipt receipt;
    const Status status = stub.Place(context, order_of(1), &receipt);
    ASSERT_TRUE(status.ok()) << status.message();
    attempts += context.attempts();
  }
  EXPECT_LE(attempts, 60U + 2 * 3 + 4) << "each was tried until it was left out";
  EXPECT_EQ(shop.orders, 60U);
}

// Holds every call of Count until it may go, or its client gives up.
class Held : public Orders::CallbackService {
 public:
  void Count(ServerContext& /*context*/, const Order::Item& item, Receipt* receipt,
             std::function<void(Status)> done) override {
    receipt->set_pieces(item.count());
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(done));
    ++calls;
  }
  void answer_all() {
    std::vector<std::function<void(Status)>> all;
    {
      const std::lock_guard lock(mutex_);
      all.swap(waiting_);
    }
    for (const auto& done : all) done(Status());
  }
  std::atomic<int> calls{0};

 private:
  std::mutex mutex_;
  std::vector<std::function<void(Status)>> waiting_;
};

TEST_F(Servers, ASlowOneIsHedgedIfTheMethodIsIdempotent) {
  Held slow, quick;
  Server a = serve(4001, slow), b = serve(4002, quick);
  std::jthread answering([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      quick.answer_all();
      std::this_thread::sleep_for(100us);
    }
  });
  Channel channel = this->channel({4001, 4002}, {.hedge_after = 20ms});
  Orders::Stub stub(channel);
  Order::Item item;
  item.set_count(7);
  int hedged = 0;
  for (int i = 0; i < 20; ++i) {
    ClientContext context;
    context.set_timeout(20s);
    Receipt receipt;
    const Status status = stub.Count(context, item, &receipt);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(receipt.pieces(), 7U);
    EXPECT_EQ(context.peer().port, 4002);
    hedged += context.attempts() == 2 ? 1 : 0;
    if (hedged == 5) break;  // the budget is 10
  }
  EXPECT_GT(hedged, 0);
  EXPECT_EQ(slow.calls, hedged);

  // Both are slow: the deadline ends both.
  answering = {};
  ClientContext context;
  context.set_timeout(100ms);
  Receipt receipt;
  EXPECT_EQ(stub.Count(context, item, &receipt).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Channel::open(host_, "10.0.0.1:4000", {.hedge_after = 1us}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(Servers, AnswerThousandsOfCallsThatTheyHeld) {
  constexpr int kCalls = 4'000;
  Held held;
  Server server = serve(4001, held);
  const auto loop = EventLoop::create().value();
  std::thread running([&] { loop->run(); });
  int worked = 0, failed = 0;  // the loop's thread counts
  std::vector<ClientContext> contexts(kCalls);
  std::vector<Receipt> receipts(kCalls);
  Order::Item item;
  item.set_count(3);
  {
    auto channel = std::make_unique<Channel>(this->channel({4001}, {.executor = loop.get()}));
    Orders::Stub stub(*channel);
    for (std::size_t i = 0; i < kCalls; ++i) {
      stub.Count(contexts[i], item, &receipts[i],
                 [&](const Status& status) { ++(status.ok() ? worked : failed); });
    }
    while (held.calls < kCalls) std::this_thread::sleep_for(5ms);
    held.answer_all();
    const auto until = std::chrono::steady_clock::now() + 60s;
    std::atomic<bool> done{false};
    while (!done && std::chrono::steady_clock::now() < until) {
      loop->post([&] { done = worked + failed == kCalls; });
      std::this_thread::sleep_for(20ms);
    }
    std::promise<void> closed;
    loop->post([&] {
      channel.reset();
      closed.set_value();
    });
    closed.get_future().wait();
  }
  loop->stop();
  running.join();
  EXPECT_EQ(worked, kCalls);
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(held.calls, kCalls) << "nothing ran twice";
  const auto all = server.statistics();
  const auto count = std::ranges::find_if(
      all, [](const MethodStatistics& one) { return one.method == "shop.eu.Orders/Count"; });
  ASSERT_NE(count, all.end());
  EXPECT_EQ(count->calls, static_cast<std::uint64_t>(kCalls));
  EXPECT_EQ(std::accumulate(count->took.begin(), count->took.end(), std::uint64_t{0}),
            count->calls);
  EXPECT_GT(count->quantile(0.99), 0U);
  EXPECT_GE(count->quantile(1), count->quantile(0.01));
}

// A caller that takes a method with streams for one without uses nothing up.
TEST_F(Servers, RefuseAMethodOfAnotherKindAsOftenAsItIsCalled) {
  Shop shop;
  Server server = serve(4001, shop, {.calls_max = 1});
  Channel channel = this->channel({4001});
  Receipt receipt;
  for (int i = 0; i < 3; ++i) {
    ClientContext context;
    EXPECT_EQ(channel.call(Orders::kUnpack, context, order_of(1), &receipt).code(),
              StatusCode::kUnimplemented);
  }
  ClientContext context;
  EXPECT_TRUE(Orders::Stub(channel).Place(context, order_of(1), &receipt).ok());
}

TEST_F(Servers, TargetsAndOptionsThatAreWrong) {
  EXPECT_EQ(Channel::open(host_, "nonsense").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Channel::open(host_, "10.0.0.1:4000", {.attempts_max = 0}).error().code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace homa::rpc
