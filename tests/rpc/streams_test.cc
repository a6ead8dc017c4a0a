// The three kinds of streams: order, ends from either side, windows.
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

class Streams : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(server_.add(shop_));
    ASSERT_TRUE(server_.start());
  }
  static Order::Item item(std::uint32_t count, std::string name = "apple") {
    Order::Item made;
    made.set_name(std::move(name));
    made.set_count(count);
    return made;
  }
  void expect_cancelled(int handlers) {
    const auto until = Clock::now() + 20s;
    while (shop_.cancelled < handlers && Clock::now() < until) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(shop_.cancelled, handlers);
  }

  Host server_host_ = open_host(loopback_config());
  Host host_ = open_host(loopback_config());
  Shop shop_;
  Server server_ = Server::open(server_host_, 4000, {.threads = 2, .streams_max = 2}).value();
  Channel channel_ =
      Channel::open(host_, SocketAddress{server_host_.address(), 4000}.to_string()).value();
  Orders::Stub stub_{channel_};
};

TEST_F(Streams, FromTheServerComeInOrder) {
  Order order;
  for (std::uint32_t i = 0; i < 100; ++i) *order.add_items() = item(i);
  ClientContext context;
  auto stream = stub_.Unpack(context, order);
  Order::Item got;
  for (std::uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(stream.read(&got)) << i << ": " << stream.finish().message();
    EXPECT_EQ(got.count(), i);
  }
  EXPECT_FALSE(stream.read(&got));
  const Status status = stream.finish();
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST_F(Streams, FromTheClientAreAnsweredOnce) {
  ClientContext context;
  auto stream = stub_.Collect(context);
  for (std::uint32_t i = 1; i <= 100; ++i) ASSERT_TRUE(stream.write(item(i))) << i;
  Receipt receipt;
  const Status status = stream.finish(&receipt);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(receipt.pieces(), 5'050U);
  ASSERT_NE(context.response_metadata().find("end"), nullptr);
  EXPECT_FALSE(stream.write(item(1)));

  ClientContext second;
  auto empty = stub_.Collect(second);
  EXPECT_EQ(empty.finish(&receipt).code(), StatusCode::kInvalidArgument);
}

TEST_F(Streams, GoBothWaysAtOnce) {
  ClientContext context;
  auto stream = stub_.Talk(context);
  std::thread writer([&] {
    for (std::uint32_t i = 0; i < 300; ++i) ASSERT_TRUE(stream.write(item(i))) << i;
    EXPECT_TRUE(stream.writes_done());
  });
  Receipt receipt;
  for (std::uint32_t i = 0; i < 300; ++i) {
    ASSERT_TRUE(stream.read(&receipt)) << i;
    EXPECT_EQ(receipt.pieces(), i);
  }
  writer.join();
  EXPECT_FALSE(stream.read(&receipt));
  EXPECT_TRUE(stream.finish().ok());
}

TEST_F(Streams, AreEndedByTheServerWithItsStatus) {
  ClientContext context;
  auto stream = stub_.Talk(context);
  ASSERT_TRUE(stream.write(item(1)));
  Receipt receipt;
  ASSERT_TRUE(stream.read(&receipt));
  ASSERT_TRUE(stream.write(item(1, "stop")));
  EXPECT_FALSE(stream.read(&receipt));
  EXPECT_FALSE(stream.write(item(2)));
  const Status status = stream.finish();
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_EQ(status.message(), "as you wish");
}

TEST_F(Streams, AreCancelledByTheClient) {
  {
    ClientContext context;
    auto stream = stub_.Collect(context);
    ASSERT_TRUE(stream.write(item(1)));
    stream.cancel();
    EXPECT_EQ(stream.finish().code(), StatusCode::kCancelled);
  }
  expect_cancelled(1);
  {
    ClientContext context;
    std::stop_source stop;
    context.set_stop(stop.get_token());
    auto stream = stub_.Talk(context);
    std::thread other([&] { stop.request_stop(); });
    Receipt receipt;
    EXPECT_FALSE(stream.read(&receipt));
    other.join();
    EXPECT_EQ(stream.finish().code(), StatusCode::kCancelled);
  }
  {
    ClientContext context;
    auto dropped = stub_.Collect(context);  // destroyed without an end
    ASSERT_TRUE(dropped.write(item(1)));
  }
  expect_cancelled(2);
}

TEST_F(Streams, EndAtTheirDeadline) {
  ClientContext context;
  context.set_timeout(200ms);
  auto stream = stub_.Collect(context);
  // On a machine that is so busy that the time is up before, no handler needs to have run.
  const bool opened = stream.write(item(1));
  Receipt receipt;
  EXPECT_FALSE(stream.read(&receipt));
  EXPECT_EQ(stream.finish().code(), StatusCode::kDeadlineExceeded);
  if (opened) expect_cancelled(1);
}

TEST_F(Streams, AWriterWaitsForAReader) {
  Order order = order_of(1);
  order.set_hold_ms(1'000);
  ClientContext context;
  auto stream = stub_.Unpack(context, order);
  const auto until = Clock::now() + 300ms;
  while (Clock::now() < until) std::this_thread::sleep_for(10ms);
  EXPECT_LE(shop_.written, static_cast<int>(kStreamWindow)) << "nobody has read anything";
  Order::Item got;
  int read = 0;
  while (stream.read(&got)) ++read;
  EXPECT_EQ(read, 1'001);
  EXPECT_TRUE(stream.finish().ok());
}

TEST_F(Streams, AreLimitedInNumber) {
  ClientContext first, second, third, fourth;
  auto one = stub_.Talk(first), two = stub_.Talk(second), three = stub_.Talk(third);
  Receipt receipt;
  EXPECT_FALSE(three.read(&receipt));
  EXPECT_EQ(three.finish().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(one.finish().ok());
  EXPECT_TRUE(two.finish().ok());
  auto again = stub_.Talk(fourth);
  EXPECT_TRUE(again.finish().ok()) << "ended streams make room";
}

TEST_F(Streams, WrongRequestsAreRefusedAndHurtNobody) {
  Socket raw = host_.client().value();
  const auto ask = [&](Kind kind, const Method& method, std::uint64_t stream,
                       std::uint32_t sequence) {
    std::vector<std::byte> bytes(kStreamHeaderBytes);
    RequestHeader header;
    header.kind = kind;
    header.method = method.id;
    header.stream = stream;
    header.sequence = sequence;
    write_request(bytes, header, {});
    const auto answer = raw.call(server_.address(), bytes, 5s);
    EXPECT_TRUE(answer) << answer.error().text;
    const auto parsed = parse_response(answer->bytes());
    EXPECT_TRUE(parsed);
    return parsed->code;
  };
  EXPECT_EQ(ask(Kind::kWrite, Orders::kTalk, 1, 0), StatusCode::kCancelled) << "no such stream";
  EXPECT_EQ(ask(Kind::kPull, Orders::kTalk, 1, 0), StatusCode::kCancelled);
  EXPECT_EQ(ask(Kind::kOpen, Orders::kPlace, 1, 0), StatusCode::kUnimplemented) << "unary";
  EXPECT_EQ(ask(Kind::kOpen, Orders::kTalk, 1, 0), StatusCode::kOk);
  EXPECT_EQ(ask(Kind::kOpen, Orders::kTalk, 1, 0), StatusCode::kInternal) << "twice";
  EXPECT_EQ(ask(Kind::kWrite, Orders::kTalk, 1, 16), StatusCode::kInternal) << "beyond the window";
  EXPECT_EQ(ask(Kind::kWrite, Orders::kTalk, 1, 0xffffffff), StatusCode::kInternal);
  EXPECT_EQ(ask(Kind::kPull, Orders::kTalk, 1, 16), StatusCode::kInternal);
  EXPECT_EQ(ask(Kind::kWritesDone, Orders::kTalk, 1, 0), StatusCode::kOk);
  ClientContext context, unary;
  EXPECT_TRUE(stub_.Talk(context).finish().ok());
  Receipt receipt;
  EXPECT_EQ(channel_.call(Orders::kTalk, unary, order_of(1), &receipt).code(),
            StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace homa::rpc
