// The same over Boost.Asio, with its completion tokens.
#include "homa/asio.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "../endtoend/hosts.h"

namespace homa {
namespace {

namespace asio = boost::asio;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::bytes_of;
using testing::loopback_config;
using testing::open_host;
using testing::text_of;

class Asio : public ::testing::Test {
 protected:
  Host host_ = open_host(loopback_config());
  asio::io_context context_;
  AsioExecutor executor_{context_};
  AsyncSocket serving_ = AsyncSocket::create(host_.serve(4000).value(), executor_).value();
  AsyncSocket calling_ = AsyncSocket::create(host_.client().value(), executor_).value();
  const SocketAddress server_{host_.address(), 4000};
};

TEST_F(Asio, AwaitablesServeAndCall) {
  std::vector<std::string> got;
  const auto serve = [&]() -> asio::awaitable<void> {
    for (;;) {
      const auto request = co_await async_receive(serving_, executor_, asio::use_awaitable);
      if (!request) co_return;
      EXPECT_TRUE(serving_.reply(request->rpc(), request->bytes()));
    }
  };
  const auto call = [&]() -> asio::awaitable<void> {
    for (const char* text : {"one", "two", "three"}) {
      const auto response = co_await async_call(calling_, executor_, server_, bytes_of(text), {},
                                                asio::use_awaitable);
      got.push_back(response ? text_of(*response) : response.error().text);
    }
    const auto wrong = co_await async_call(calling_, executor_, {host_.address(), 0}, bytes_of("x"),
                                           {}, asio::use_awaitable);
    EXPECT_EQ(wrong.error().code, ErrorCode::kInvalidArgument);
    serving_.close();
    calling_.close();
  };
  asio::co_spawn(context_, serve, asio::detached);
  asio::co_spawn(context_, call, asio::detached);
  context_.run_for(30s);
  EXPECT_EQ(got, (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(Asio, FuturesAndCallbacks) {
  async_receive(serving_, executor_, [&](Result<Message, Error> request) {
    ASSERT_TRUE(request);
    EXPECT_TRUE(serving_.reply(request->rpc(), bytes_of("answer")));
  });
  auto work = asio::make_work_guard(context_);
  std::thread loop([&] { context_.run(); });
  auto response =
      async_call(calling_, executor_, server_, bytes_of("question"), {}, asio::use_future).get();
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(text_of(*response), "answer");
  auto late =
      async_call(calling_, executor_, server_, bytes_of("x"), {20ms, {}}, asio::use_future).get();
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  std::thread closer([&] {
    asio::post(context_, [&] {
      serving_.close();
      calling_.close();
      work.reset();
    });
  });
  loop.join();
  closer.join();
}

}  // namespace
}  // namespace homa
