// Callbacks, futures and coroutines on an event loop, each from its start to its one end.
#include "homa/async.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "../endtoend/hosts.h"
#include "homa/event_loop.h"
#include "homa/task.h"

namespace homa {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::bytes_of;
using testing::EchoServer;
using testing::loopback_config;
using testing::open_host;
using testing::pattern;
using testing::text_of;

class Async : public ::testing::Test {
 protected:
  // Runs the loop in this thread until `done`.
  void run_until(const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + 30s;
    while (!done() && std::chrono::steady_clock::now() < until) loop_->run_once(20ms);
    EXPECT_TRUE(done());
  }
  SocketAddress to(std::uint16_t port) const { return {host_.address(), port}; }
  AsyncSocket client() { return AsyncSocket::create(host_.client().value(), *loop_).value(); }
  AsyncSocket server(std::uint16_t port) {
    return AsyncSocket::create(host_.serve(port).value(), *loop_).value();
  }

  Host host_ = open_host(loopback_config());
  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
};

TEST_F(Async, CallbacksGetTheirOwnResponses) {
  EchoServer echo(host_, 4000);
  AsyncSocket socket = client();
  int right = 0;
  for (std::size_t i = 1; i <= 200; ++i) {
    const auto request = pattern(i * 37, i);
    const auto sent =
        socket.send(echo.address(), request, [&right, request](Result<Message, Error> response) {
          right += response && std::ranges::equal(response->bytes(), request) ? 1 : 0;
        });
    ASSERT_TRUE(sent) << sent.error().text;
    EXPECT_EQ(right, 0) << "inside of send()";
  }
  run_until([&] { return right == 200; });
}

TEST_F(Async, MessagesInPlaceAreTakenOnce) {
  EchoServer echo(host_, 4000);
  AsyncSocket socket = client();
  auto request = socket.socket().prepare(5);
  ASSERT_TRUE(request) << request.error().text;
  std::ranges::copy(bytes_of("place"), request->bytes().begin());
  std::string text;
  ASSERT_TRUE(socket.send(echo.address(), std::move(*request), [&](Result<Message, Error> message) {
    text = text_of(message.value());
  }));
  EXPECT_EQ(socket.send(echo.address(), std::move(*request), {}).error().code,
            ErrorCode::kInvalidArgument);
  run_until([&] { return text == "place"; });
}

TEST_F(Async, AServerOfCallbacksAnswersInAnyOrder) {
  AsyncSocket serving = server(4000);
  AsyncSocket calling = client();
  std::vector<RpcHandle> held;
  std::function<void(Result<Message, Error>)> take = [&](Result<Message, Error> request) {
    if (!request) return;
    held.push_back(request->rpc());
    ASSERT_TRUE(serving.receive(take));
  };
  ASSERT_TRUE(serving.receive(take));
  int answers = 0;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(calling.send(to(4000), bytes_of("x"),
                             [&](Result<Message, Error> message) { answers += message ? 1 : 0; }));
  }
  run_until([&] { return held.size() == 10; });
  for (auto rpc = held.rbegin(); rpc != held.rend(); ++rpc) {
    ASSERT_TRUE(serving.reply(*rpc, bytes_of("y")));
  }
  run_until([&] { return answers == 10; });
}

TEST_F(Async, RequestsThatCameBeforeSomebodyWaitedAreKept) {
  AsyncSocket serving = server(4000);
  AsyncSocket calling = client();
  bool failed = false;
  ASSERT_TRUE(calling.send(to(4000), bytes_of("first"), [](Result<Message, Error>) {}));
  std::stop_source stop;
  ASSERT_TRUE(calling.send(to(4000), bytes_of("given up"),
                           [&](Result<Message, Error> message) { failed = !message; },
                           {{}, stop.get_token()}));
  const auto until = std::chrono::steady_clock::now() + 200ms;
  while (std::chrono::steady_clock::now() < until) loop_->run_once(10ms);
  stop.request_stop();
  run_until([&] { return failed; });
  while (loop_->run_once(50ms)) continue;
  std::vector<std::string> got;
  ASSERT_TRUE(calling.send(to(4000), bytes_of("last"), [](Result<Message, Error>) {}));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(serving.receive([&](Result<Message, Error> request) {
      if (request) got.push_back(text_of(*request));
    }));
  }
  EXPECT_TRUE(got.empty()) << "inside of receive()";
  run_until([&] { return got.size() == 2; });
  EXPECT_EQ(got, (std::vector<std::string>{"first", "last"})) << "nobody waits for the other";
}

TEST_F(Async, DeadlinesAndStopRequestsEndCalls) {
  const Socket silent = host_.serve(4000).value();  // never answers
  AsyncSocket socket = client();
  std::vector<ErrorCode> ends;
  const auto note = [&](Result<Message, Error> message) {
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().executed, Executed::kPerhaps) << message.error().text;
    ends.push_back(message.error().code);
  };
  std::stop_source stop;
  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(socket.send(to(4000), bytes_of("x"), note, {60ms, {}}));
  ASSERT_TRUE(socket.send(to(4000), bytes_of("x"), note, {10s, stop.get_token()}));
  run_until([&] { return ends.size() == 1; });
  EXPECT_EQ(ends[0], ErrorCode::kTimeout);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 60ms);
  std::thread other([&] { stop.request_stop(); });
  run_until([&] { return ends.size() == 2; });
  other.join();
  EXPECT_EQ(ends[1], ErrorCode::kCancelled);
  ASSERT_TRUE(socket.send(to(4000), bytes_of("x"), note, {{}, stop.get_token()}));
  EXPECT_EQ(ends.size(), 2U) << "not inside of send(), though the stop was requested before";
  run_until([&] { return ends.size() == 3; });
}

TEST_F(Async, WaitingForARequestCanBeStopped) {
  AsyncSocket serving = server(4000);
  std::stop_source stop;
  int ended = 0;
  ASSERT_TRUE(serving.receive(
      [&](Result<Message, Error> request) {
        EXPECT_EQ(request.error().code, ErrorCode::kCancelled);
        ++ended;
      },
      stop.get_token()));
  stop.request_stop();
  EXPECT_EQ(ended, 0);
  run_until([&] { return ended == 1; });
}

TEST_F(Async, ClosingCompletesEverything) {
  const Socket silent = host_.serve(4000).value();
  AsyncSocket socket = client();
  AsyncSocket serving = server(4001);
  int closed = 0;
  const auto note = [&](Result<Message, Error> message) {
    EXPECT_EQ(message.error().code, ErrorCode::kClosed);
    ++closed;
  };
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(socket.send(to(4000), bytes_of("x"), note));
  ASSERT_TRUE(serving.receive(note));
  socket.close();
  EXPECT_EQ(closed, 5);
  { const AsyncSocket dies = std::move(serving); }
  EXPECT_EQ(closed, 6);
  EXPECT_EQ(socket.send(to(4000), bytes_of("x"), note).error().code, ErrorCode::kClosed);
  EXPECT_EQ(socket.receive(note).error().code, ErrorCode::kClosed);
  EXPECT_EQ(AsyncSocket::create(Socket(), *loop_).error().code, ErrorCode::kClosed);
}

TEST_F(Async, ACallbackMayDestroyItsSocket) {
  EchoServer echo(host_, 4000);
  auto socket = std::make_unique<AsyncSocket>(client());
  bool closed = false;
  ASSERT_TRUE(
      socket->send(echo.address(), bytes_of("x"), [&](Result<Message, Error>) { socket.reset(); }));
  ASSERT_TRUE(socket->receive([&](Result<Message, Error> request) { closed = !request; }));
  run_until([&] { return socket == nullptr; });
  EXPECT_TRUE(closed);
}

TEST_F(Async, FuturesAreForOtherThreads) {
  EchoServer echo(host_, 4000);
  AsyncSocket socket = client();
  std::thread loop([&] { loop_->run(); });
  std::vector<std::thread> callers;
  std::atomic<int> right{0};
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      for (std::size_t n = 1; n <= 50; ++n) {
        auto response = socket.call_future(echo.address(), pattern(n * 100, n)).get();
        right += response && std::ranges::equal(response->bytes(), pattern(n * 100, n)) ? 1 : 0;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(right, 150);
  EXPECT_EQ(socket.call_future({host_.address(), 0}, bytes_of("x")).get().error().code,
            ErrorCode::kInvalidArgument);
  loop_->stop();
  loop.join();
}

// --- Coroutines ---

Task<> serve(AsyncSocket& socket, int& served) {
  for (;;) {
    const auto request = co_await socket.receive();
    if (!request) co_return;
    ++served;
    static_cast<void>(socket.reply(request->rpc(), request->bytes()).has_value());
  }
}

Task<std::string> ask(AsyncSocket& socket, SocketAddress server, std::string text) {
  const auto response = co_await socket.call(server, bytes_of(text));
  co_return response ? text_of(*response) : response.error().text;
}

Task<> ask_twice(AsyncSocket& socket, SocketAddress server, std::vector<std::string>& got) {
  got.push_back(co_await ask(socket, server, "one"));
  got.push_back(co_await ask(socket, server, "two"));
}

TEST_F(Async, CoroutinesServeAndCall) {
  AsyncSocket serving = server(4000);
  AsyncSocket calling = client();
  int served = 0;
  std::vector<std::string> got;
  spawn(serve(serving, served));
  spawn(ask_twice(calling, to(4000), got));
  run_until([&] { return got.size() == 2; });
  EXPECT_EQ(got, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(served, 2);
  spawn(ask_twice(calling, {host_.address(), 0}, got));
  ASSERT_EQ(got.size(), 4U) << "what cannot start does not suspend";
  EXPECT_NE(got[2].find("ports 1 to 32767"), std::string::npos) << got[2];
}

TEST_F(Async, ACoroutineThatIsDestroyedAbortsItsCall) {
  Socket silent = host_.serve(4000).value();
  AsyncSocket socket = client();
  {
    struct Starter {
      struct promise_type {
        Starter get_return_object() {
          return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
      };
      std::coroutine_handle<promise_type> handle;
    };
    const auto wait = [&]() -> Starter {
      const auto response = co_await socket.call(to(4000), bytes_of("x"));
      ADD_FAILURE() << "went on: " << response.has_value();
    };
    const Starter starter = wait();
    const auto request = silent.receive(5s);
    ASSERT_TRUE(request) << request.error().text;
    EXPECT_EQ(socket.socket().status()->rpcs.size(), 1U);
    starter.handle.destroy();
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (silent.client_waits(request->rpc()) && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(1ms);
    }
    EXPECT_FALSE(silent.client_waits(request->rpc()));
  }
  EXPECT_TRUE(socket.socket().status()->rpcs.empty());
  while (loop_->run_once(20ms)) continue;
}

TEST_F(Async, ManyThreadsStartStopAndReply) {
  AsyncSocket serving = server(4000);
  AsyncSocket calling = client();
  int served = 0;
  spawn(serve(serving, served));
  std::thread loop([&] { loop_->run(); });
  std::atomic<int> ended{0}, answered{0};
  constexpr int kThreads = 3, kCalls = 100;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCalls; ++i) {
        std::stop_source stop;
        const auto sent =
            calling.send(to(4000), bytes_of("x"),
                         [&](Result<Message, Error> message) {
                           answered += message ? 1 : 0;
                           ++ended;
                         },
                         {i % 3 == 0 ? Timeout(1ms) : std::nullopt, stop.get_token()});
        ASSERT_TRUE(sent) << sent.error().text;
        if (i % 2 == 0) stop.request_stop();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (ended < kThreads * kCalls && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(ended, kThreads * kCalls);
  EXPECT_GT(answered, 0);
  std::atomic<bool> closed{false};
  loop_->post([&] {
    calling.close();
    serving.close();
    closed = true;
    loop_->stop();
  });
  loop.join();
  EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace homa
