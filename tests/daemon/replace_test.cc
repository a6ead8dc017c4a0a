// A new homad takes the place of the one that runs, under programs that go on.
#include <atomic>
#include <mutex>

#include "channel/control.h"
#include "daemon/homad.h"
#include "endtoend/hosts.h"

namespace homa::testing {
namespace {

constexpr std::uint16_t kPort = 4000;

class Replace : public ::testing::Test {
 protected:
  Result<Message, Error> call(Socket& client, std::string_view text, Timeout timeout = 20s) const {
    return client.call({host_.address(), kPort}, bytes_of(text), timeout);
  }

  Homad homad_;
  Host host_ = open_host(homad_.client_config());
};

// What went wrong, of several threads.
class Failures {
 public:
  void add(const std::string& text) {
    const std::lock_guard lock(mutex_);
    all_ += text + "\n";
  }
  std::string all() {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  std::mutex mutex_;
  std::string all_;
};

TEST_F(Replace, UnderLoadNoAttachIsRefusedAndNothingNewFails) {
  EchoServer server(host_, kPort, 3);
  const SocketAddress address = server.address();
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> answered{0}, attached{0};
  Failures failures;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, client = host_.client().value()]() mutable {
      while (!stop) {
        const auto request = pattern(1 + answered % 50'000, answered);
        const auto answer = client.call(address, request, 20s);
        if (!answer) {
          failures.add("call: " + answer.error().text);
        } else if (!std::equal(request.begin(), request.end(), answer->bytes().begin(),
                               answer->bytes().end())) {
          failures.add("call: other bytes");
        }
        ++answered;
      }
    });
  }
  threads.emplace_back([&] {
    while (!stop) {
      auto host = Host::open(homad_.client_config());
      if (!host) {
        failures.add("host: " + host.error().text);
        continue;
      }
      const auto client = host->client();
      if (!client) failures.add("socket: " + client.error().text);
      ++attached;
    }
  });
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t calls = answered, attaches = attached;
    EXPECT_TRUE(eventually([&] { return answered > calls + 100 && attached > attaches + 3; }))
        << "round " << i << " " << failures.all();
    EXPECT_EQ(homad_.replace(), 0) << homad_.log();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures.all(), "");
  EXPECT_EQ(host_.address(), address.host) << "the packets' socket is the same";
}

TEST_F(Replace, WhatTakesTooLongEndsWithAnErrorThatSaysSo) {
  Socket server = host_.serve(kPort).value();
  Socket client = host_.client().value();
  const auto rpc = client.send({host_.address(), kPort}, bytes_of("slow")).value();
  const Message request = server.receive(20s).value();
  EXPECT_EQ(homad_.replace(), 0) << homad_.log();
  const auto failed = client.receive_response(rpc, 20s);
  ASSERT_TRUE(failed) << failed.error().text;
  EXPECT_EQ(failed->error(), ErrorCode::kEngineLost);
  EXPECT_EQ(failed->executed(), Executed::kPerhaps);
  EXPECT_EQ(text_of(request), "slow");
}

TEST_F(Replace, ASendDuringTheReplacementWaits) {
  EchoServer echo(host_, kPort + 1);
  Socket server = host_.serve(kPort).value();
  Socket client = host_.client().value();
  ASSERT_TRUE(client.send({host_.address(), kPort}, bytes_of("holds the former homad up")));
  const Message request = server.receive(20s).value();
  std::thread calling([&] {
    EXPECT_TRUE(homad_.logged("is replaced: "));
    const auto answer = client.call(echo.address(), bytes_of("new"), 20s);
    EXPECT_TRUE(answer) << answer.error().text;
  });
  EXPECT_EQ(homad_.replace(), 0) << homad_.log();
  calling.join();
}

TEST_F(Replace, WhereNoneRunsItStarts) {
  homad_.kill(SIGKILL);
  homad_.start({"--replace"});
  EXPECT_TRUE(eventually([&] { return host_.client().has_value(); }));
}

TEST_F(Replace, OneThatDiesFirstIsForgotten) {
  EchoServer server(host_, kPort);
  Socket client = host_.client().value();
  {
    // It asks for the place, as homad --replace does, and ends.
    const auto connection = channel::connect_control(homad_.socket()).value();
    channel::ControlHead head;
    head.kind = channel::ControlKind::kReplace;
    ASSERT_TRUE(channel::send_control(connection.get(), head));
  }
  EXPECT_TRUE(homad_.logged("goes on: ")) << homad_.log();
  EXPECT_TRUE(call(client, "still there"));
  EXPECT_TRUE(host_.client());
}

TEST_F(Replace, OnlyItsOwnUserMayDoIt) {
  if (::getuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  const int code = Child([&] {
                     if (::setuid(65'534) != 0) return 100;
                     const auto connection = channel::connect_control(homad_.socket()).value();
                     channel::ControlHead head;
                     head.kind = channel::ControlKind::kReplace;
                     if (!channel::send_control(connection.get(), head)) return 101;
                     for (int i = 0; i < 2'000; ++i) {
                       auto answer = channel::receive_control(connection.get());
                       if (!answer) return 102;
                       if (*answer) return static_cast<int>((*answer)->head.code);
                       std::this_thread::sleep_for(10ms);
                     }
                     return 103;
                   }).wait();
  EXPECT_EQ(code, static_cast<int>(ErrorCode::kNotPermitted));
  EXPECT_TRUE(homad_.logged("may replace homad"));
}

}  // namespace
}  // namespace homa::testing
