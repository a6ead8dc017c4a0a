// Several servers behind one channel, of which some refuse, drain or are not there.
#include "shop.h"

namespace homa::rpc {
namespace {

using homa::testing::loopback_config;
using homa::testing::open_host;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
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
