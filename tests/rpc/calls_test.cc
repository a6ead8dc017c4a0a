// One client, one server: what a call carries in each form.
#include <functional>
#include <future>

#include "rpc/header.h"
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

class CallbackShop : public Orders::CallbackService {
 public:
  void Place(ServerContext& context, const Order& order, Receipt* receipt,
             std::function<void(Status)> done) override {
    // Answered by another thread, after this returned.
    threads.emplace_back([&context, &order, receipt, done = std::move(done)] {
      done(testing::place(context, order, receipt, 7));
    });
  }
  ~CallbackShop() override {
    for (std::thread& thread : threads) thread.join();
  }
  std::vector<std::thread> threads;
};

class CoroutineShop : public Orders::CoroutineService {
 public:
  explicit CoroutineShop(Executor& executor) : executor_(executor) {}
  Task<Status> Place(ServerContext& context, const Order& order, Receipt* receipt) override {
    co_await resume_in(executor_);
    co_return testing::place(context, order, receipt, 8);
  }

 private:
  Executor& executor_;
};

class Calls : public ::testing::Test {
 protected:
  Server serve(Service& service, ServerOptions options = {}) {
    auto server = Server::open(host_, 4000, options);
    EXPECT_TRUE(server) << server.error().text;
    EXPECT_TRUE(server->add(service));
    EXPECT_TRUE(server->start());
    return std::move(server).value();
  }
  Channel channel(const ChannelOptions& options = {}) {
    auto opened = Channel::open(host_, SocketAddress{host_.address(), 4000}.to_string(), options);
    EXPECT_TRUE(opened) << opened.error().text;
    return std::move(opened).value();
  }

  Host host_ = open_host(loopback_config());
};

TEST_F(Calls, CarryMessagesOfEverySize) {
  Shop shop;
  Server server = serve(shop);
  Channel channel = this->channel();
  Orders::Stub stub(channel);
  for (const std::size_t size : {0UL, 100UL, 70'000UL, 900'000UL}) {
    ClientContext context;
    Receipt receipt;
    const Status status = stub.Place(context, order_of(3, std::string(size, 'n')), &receipt);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(receipt.pieces(), 3U);
    EXPECT_EQ(receipt.note().size(), size);
    EXPECT_EQ(context.peer(), server.address());
  }
  ClientContext context;
  Receipt receipt;
  const Status status = stub.Place(context, order_of(1, std::string(4U << 20, 'n')), &receipt);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << "longer than a message may be";
  EXPECT_EQ(status.executed(), Executed::kNo);
}

TEST_F(Calls, CarryStatusAndMetadata) {
  Shop shop;
  Server server = serve(shop);
  Channel channel = this->channel();
  Orders::Stub stub(channel);
  ClientContext context;
  Receipt receipt;
  EXPECT_TRUE(context.metadata().add("user", "anna"));
  ASSERT_TRUE(stub.Place(context, order_of(1), &receipt).ok());
  ASSERT_NE(context.response_metadata().find("greeting"), nullptr);
  EXPECT_EQ(*context.response_metadata().find("greeting"), "hello anna");
  const Status status = stub.Place(context, Order(), &receipt);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "an order has items");
  EXPECT_EQ(status.details(), "details");
  EXPECT_EQ(status.executed(), Executed::kYes);
  EXPECT_EQ(receipt.pieces(), 1U) << "a call that fails leaves the response as it was";
}

TEST_F(Calls, OfAMethodThatNobodyHasAreUnimplemented) {
  Shop shop;
  Server server = serve(shop);
  Channel channel = this->channel();
  Orders::Stub stub(channel);
  ClientContext context;
  Receipt receipt;
  const Status fallback = stub.Forget(context, order_of(1), &receipt);
  EXPECT_EQ(fallback.code(), StatusCode::kUnimplemented);
  EXPECT_NE(fallback.message().find("shop.eu.Orders/Forget"), std::string::npos);
  constexpr Method kOther("shop.eu.Orders/Other", false);
  const Status other = channel.call(kOther, context, order_of(1), &receipt);
  EXPECT_EQ(other.code(), StatusCode::kUnimplemented);
  EXPECT_EQ(other.executed(), Executed::kNo);
}

TEST_F(Calls, ThatAreNoMessagesAreRefused) {
  Shop shop;
  Server server = serve(shop);
  Socket raw = host_.client().value();
  // Not even a header: an answer, so that the client does not wait.
  ASSERT_TRUE(raw.call(server.address(), homa::testing::bytes_of("x"), 5s));
  // An item that is longer than the message.
  std::vector<std::byte> cut(kRequestHeaderBytes, std::byte{});
  RequestHeader of_place;
  of_place.method = Orders::kPlace.id;
  write_request(cut, of_place, {});
  cut.push_back(std::byte{0x0a});
  cut.push_back(std::byte{0x7f});
  const auto answer = raw.call(server.address(), cut, 5s);
  ASSERT_TRUE(answer) << answer.error().text;
  const auto header = parse_response(answer->bytes());
  ASSERT_TRUE(header);
  EXPECT_EQ(header->code, StatusCode::kInvalidArgument) << header->message;
  EXPECT_FALSE(header->executed);
  EXPECT_EQ(shop.orders, 0U);
}

TEST_F(Calls, HaveDeadlinesThatTheHandlerSees) {
  Shop shop;
  Server server = serve(shop);
  Channel channel = this->channel({.timeout = 60ms});
  Orders::Stub stub(channel);
  Order::Item item;
  item.set_name("deadline");
  Receipt receipt;
  {
    ClientContext context;
    ASSERT_TRUE(stub.Count(context, item, &receipt).ok());
    EXPECT_EQ(receipt.number(), 1U) << "the channel's own";
  }
  item.set_name("hold");
  ClientContext context;
  context.set_timeout(30ms);
  const Status status = stub.Count(context, item, &receipt);
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  const auto until = Clock::now() + 10s;
  while (shop.cancelled == 0 && Clock::now() < until) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(shop.cancelled, 1) << "the handler noticed";
}

TEST_F(Calls, CanBeCancelledByAnotherThread) {
  Shop shop;
  Server server = serve(shop);
  Channel channel = this->channel();
  Orders::Stub stub(channel);
  std::stop_source stop;
  ClientContext context;
  context.set_stop(stop.get_token());
  Receipt receipt;
  Order::Item item;
  std::thread other([&] {
    std::this_thread::sleep_for(20ms);
    stop.request_stop();
  });
  const Status status = stub.Count(context, item, &receipt);
  other.join();
  EXPECT_EQ(status.code(), StatusCode::kCancelled) << status.message();
  const auto until = Clock::now() + 10s;
  while (shop.cancelled == 0 && Clock::now() < until) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(shop.cancelled, 1);
}

TEST_F(Calls, CallbackServicesAnswerFromAnyThread) {
  CallbackShop shop;
  Server server = serve(shop, {.threads = 1});
  Channel channel = this->channel();
  Orders::Stub stub(channel);
  for (int i = 0; i < 10; ++i) {
    ClientContext context;
    Receipt receipt;
    const Status status = stub.Place(context, order_of(2), &receipt);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(receipt.number(), 7U);
  }
}

Task<> place_all(Orders::Stub& stub, int count, std::promise<int>& done) {
  int placed = 0;
  for (int i = 0; i < count; ++i) {
    ClientContext context;
    Receipt receipt;
    const Status status = co_await stub.PlaceAsync(context, order_of(2), &receipt);
    placed += status.ok() && receipt.pieces() == 2 ? 1 : 0;
  }
  done.set_value(placed);
}

TEST_F(Calls, CallbacksAndCoroutinesOnBothSides) {
  auto loop = EventLoop::create().value();
  CoroutineShop shop(*loop);
  Server server = serve(shop, {.threads = 1});
  std::thread runner([&] { loop->run(); });
  {
    Channel channel = this->channel({.executor = loop.get()});
    Orders::Stub stub(channel);
    std::promise<int> placed;
    loop->post([&] { spawn(place_all(stub, 20, placed)); });
    EXPECT_EQ(placed.get_future().get(), 20);

    ClientContext context;
    const Order order = order_of(5);
    Receipt receipt;
    std::promise<Status> ended;
    stub.Place(context, order, &receipt, [&](Status status) { ended.set_value(status); });
    EXPECT_TRUE(ended.get_future().get().ok());
    EXPECT_EQ(receipt.pieces(), 5U);

    std::promise<void> closed;
    loop->post([&] {
      { const Channel dies = std::move(channel); }
      closed.set_value();
    });
    closed.get_future().wait();
  }
  EXPECT_TRUE(server.shutdown(5s));
  loop->stop();
  runner.join();
}

class Counting : public ClientInterceptor, public ServerInterceptor {
 public:
  Status before(const Method& method, ClientContext& context) override {
    context.metadata().add("token", "secret");
    return method.name == "shop.eu.Orders/Forget" ? Status(StatusCode::kPermissionDenied, "no")
                                                  : Status();
  }
  void after(const Method&, ClientContext&, const Status& status) override {
    client_codes.push_back(status.code());
  }
  Status before(const Method&, ServerContext& context) override {
    const Metadata metadata = context.metadata();
    const std::string* token = metadata.find("token");
    if (token != nullptr && *token == "secret") return {};
    return {StatusCode::kUnauthenticated, "who is there?"};
  }
  void after(const Method&, ServerContext&, const Status&) override { ++served; }
  std::vector<StatusCode> client_codes;
  std::atomic<int> served{0};
};

TEST_F(Calls, InterceptorsSeeAndRefuse) {
  Shop shop;
  Counting counting;
  Server server = serve(shop, {.interceptors = {&counting}});
  Channel plain = channel();
  Channel with_token = channel({.interceptors = {&counting}});
  Receipt receipt;
  ClientContext stranger, known, refused;
  const Status status = Orders::Stub(plain).Place(stranger, order_of(1), &receipt);
  EXPECT_EQ(status.code(), StatusCode::kUnauthenticated);
  EXPECT_EQ(status.executed(), Executed::kNo);
  EXPECT_TRUE(Orders::Stub(with_token).Place(known, order_of(1), &receipt).ok());
  EXPECT_EQ(Orders::Stub(with_token).Forget(refused, order_of(1), &receipt).code(),
            StatusCode::kPermissionDenied);
  EXPECT_EQ(counting.client_codes,
            (std::vector<StatusCode>{StatusCode::kOk, StatusCode::kPermissionDenied}));
  EXPECT_EQ(counting.served, 2);
  EXPECT_EQ(shop.orders, 1U);
}

TEST_F(Calls, AreCounted) {
  Shop shop;
  Server server = serve(shop);
  Channel channel = this->channel();
  Orders::Stub stub(channel);
  Receipt receipt;
  ClientContext first, second;
  ASSERT_TRUE(stub.Place(first, order_of(1), &receipt).ok());
  ASSERT_FALSE(stub.Place(second, Order(), &receipt).ok());
  const auto statistics = server.statistics();
  ASSERT_EQ(statistics.size(), 9U) << "three are built in";
  EXPECT_EQ(statistics[3].method, "shop.eu.Orders/Place");
  EXPECT_EQ(statistics[3].calls, 2U);
  EXPECT_EQ(statistics[3].failed, 1U);
  EXPECT_EQ(statistics[4].calls, 0U);
}

TEST_F(Calls, AServiceIsAddedOnce) {
  Shop shop;
  auto server = Server::open(host_, 4000).value();
  EXPECT_TRUE(server.add(shop));
  EXPECT_EQ(server.add(shop).error().code, ErrorCode::kInUse);
  EXPECT_TRUE(server.start());
  EXPECT_EQ(server.start().error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Server::open(host_, 4000).error().code, ErrorCode::kInUse);
  EXPECT_EQ(Server::open(host_, 4001, {.threads = 0}).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace homa::rpc
