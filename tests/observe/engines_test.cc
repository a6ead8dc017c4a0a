// Hosts at work, and what tools read of them meanwhile and afterwards.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "homa/homa.h"
#include "homa/host.h"
#include "observe/engine_state.h"

namespace homa {
namespace {

namespace fs = std::filesystem;
using observe::EngineState;
using std::chrono::milliseconds;
using std::chrono::seconds;

class EnginesTest : public ::testing::Test {
 protected:
  EnginesTest() {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    ::setenv("HOMA_STATE", folder_.c_str(), 1);
    ::setenv("HOMA_DAEMON", "off", 1);
  }
  ~EnginesTest() override {
    ::unsetenv("HOMA_STATE");
    fs::remove_all(folder_);
  }

  static HostConfig config() {
    HostConfig config;
    config.address = "127.0.0.1";
    config.udp_port = 0;
    return config;
  }
  // The only engine that publishes, when it is as wished; nothing after ten seconds.
  std::optional<EngineState> await(const std::function<bool(const EngineState&)>& wished) const {
    for (int i = 0; i < 1'000; ++i) {
      auto states = observe::read_states(folder_, true);
      if (states.size() == 1 && wished(states.front())) return std::move(states.front());
      std::this_thread::sleep_for(milliseconds(10));
    }
    return std::nullopt;
  }

  std::string folder_ = ::testing::TempDir() + "homa-observe-XXXXXX";
};

// A host that calls itself.
class Echo {
 public:
  explicit Echo(const HostConfig& config)
      : host(Host::open(config).value()),
        server(host.serve(4000).value()),
        client(host.client().value()),
        answers_([this] {
          for (auto request = server.receive(); request; request = server.receive()) {
            EXPECT_TRUE(server.reply(request->rpc(), request->bytes()).has_value());
          }
        }) {}
  ~Echo() {
    server.shutdown();
    answers_.join();
  }
  bool call(std::size_t bytes) {
    const std::vector<std::byte> request(bytes, std::byte{1});
    return client.call({host.address(), 4000}, request, seconds(10)).has_value();
  }

  Host host;
  Socket server, client;

 private:
  std::thread answers_;
};

TEST_F(EnginesTest, CountersLatenciesAndSizesAreThoseOfTheRpcsThatRan) {
  Echo echo(config());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(echo.call(100));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(echo.call(50'000));
  const auto state = await([](const EngineState& seen) {
    return seen.value("responses_received") == 103 && seen.value("sockets_open") == 2 &&
           seen.value("rpcs_in_progress") == 0;
  });
  ASSERT_TRUE(state);
  EXPECT_EQ(state->pid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(state->owner, trace::Owner::kLives);
  EXPECT_EQ("udp", state->description.substr(0, 3));
  EXPECT_EQ(echo.host.description(), state->description);
  EXPECT_GT(state->value("io_frames_sent"), 0U);
  std::uint64_t calls = 0, messages = 0, bytes = 0;
  for (const observe::Distribution& values : state->distributions) {
    if (values.name == "rpc_time") calls += values.count();
    if (values.name == "rpc_time" && values.up_to == 256) {
      EXPECT_EQ(values.count(), 100U);
      EXPECT_GT(values.percentile(0.5), 1'000U);
      EXPECT_LE(values.percentile(0.5), values.percentile(0.99));
    }
    if (values.name == "message_received") messages = values.count(), bytes = values.sum;
  }
  EXPECT_EQ(calls, 103U);
  EXPECT_EQ(messages, 206U);
  EXPECT_EQ(bytes, 2U * (100 * 100 + 3 * 50'000));
}

TEST_F(EnginesTest, EveryCounterOfTheLibraryIsPublished) {
  const Host host = Host::open(config()).value();
  const auto state = await([](const EngineState&) { return true; });
  ASSERT_TRUE(state);
  std::vector<std::string> published;
  for (const observe::Metric& metric : state->metrics) {
    if (metric.only_grows) published.push_back(metric.name + ": " + metric.meaning);
  }
  std::vector<std::string> counters;
  for (const Counter& counter : host.counters()) {
    counters.push_back(counter.name + ": " + counter.meaning);
  }
  EXPECT_EQ(published, counters);
}

TEST_F(EnginesTest, RpcsInProgressAreShownAndGoAway) {
  Host host = Host::open(config()).value();
  Socket server = host.serve(4000).value();
  Socket client = host.client().value();
  const std::vector<std::byte> request(77, std::byte{1});
  const auto rpc = client.send({host.address(), 4000}, request);
  ASSERT_TRUE(rpc.has_value());
  const auto received = server.receive(seconds(10));
  ASSERT_TRUE(received.has_value());
  const auto find = [&](std::size_t wished) {
    for (int i = 0; i < 1'000; ++i) {
      for (const EngineState& state : observe::read_states(folder_, false)) {
        if (state.value("sockets_open") == 2 && state.rpcs.size() == wished) return state;
      }
      std::this_thread::sleep_for(milliseconds(10));
    }
    return EngineState{};
  };
  const EngineState both = find(2);
  ASSERT_EQ(both.rpcs.size(), 2U);
  const observe::RpcSeen& ours = both.rpcs[both.rpcs[0].is_ours ? 0 : 1];
  const observe::RpcSeen& served = both.rpcs[both.rpcs[0].is_ours ? 1 : 0];
  EXPECT_EQ(ours.state, "waiting");
  EXPECT_EQ(ours.sent, 77U);
  EXPECT_EQ(ours.peer.port, 4000);
  EXPECT_EQ(served.state, "serving");
  EXPECT_EQ(served.received, 77U);
  EXPECT_EQ(served.local_port, 4000);
  EXPECT_GT(served.began, Time{});
  ASSERT_TRUE(server.reply(received->rpc(), request).has_value());
  ASSERT_TRUE(client.receive_response(*rpc, seconds(10)).has_value());
  EXPECT_EQ(find(0).value("responses_received"), 1U);
}

TEST_F(EnginesTest, OfManyRpcsThoseAreShownThatBeganFirst) {
  Host host = Host::open(config()).value();
  Socket server = host.serve(4000).value();
  Socket client = host.client().value();
  constexpr std::size_t kSent = 400;
  for (std::size_t i = 1; i <= kSent; ++i) {
    const std::vector<std::byte> request(i, std::byte{1});
    ASSERT_TRUE(client.send({host.address(), 4000}, request).has_value());
    ASSERT_TRUE(server.receive(seconds(10)).has_value());
  }
  const auto state =
      await([](const EngineState& seen) { return seen.value("rpcs_in_progress") == 2 * kSent; });
  ASSERT_TRUE(state);
  ASSERT_EQ(state->rpcs.size(), 256U);
  for (std::size_t i = 0; i < 256; ++i) {  // ours and the server's part of each
    const observe::RpcSeen& rpc = state->rpcs[i];
    EXPECT_EQ(rpc.is_ours ? rpc.send_length : rpc.receive_length, i / 2 + 1);
  }
}

TEST_F(EnginesTest, ErrorsAreKeptWithTheirPeer) {
  Host host = Host::open(config()).value();
  Socket client = host.client().value();
  const std::vector<std::byte> request(10, std::byte{1});
  const SocketAddress nobody{Address::v4(127, 0, 0, 1, 9), 4000};  // discard: no engine
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(client.call(nobody, request, seconds(10)).has_value());
  const auto state = await([](const EngineState& seen) { return !seen.errors.empty(); });
  ASSERT_TRUE(state);
  ASSERT_EQ(state->errors.size(), 1U);
  EXPECT_EQ(state->errors[0].count, 2U);
  EXPECT_EQ(state->errors[0].peer, nobody);
  EXPECT_EQ(state->errors[0].code, ErrorCode::kPeerUnreachable);
  EXPECT_EQ(state->errors[0].text, to_string(ErrorCode::kPeerUnreachable));
}

TEST_F(EnginesTest, WhatAKilledProcessPublishedCanStillBeRead) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Echo echo(config());
    for (int i = 0; i < 10; ++i) echo.call(100);
    static_cast<void>(::write(pipe[1], "x", 1));
    for (;;) ::pause();
  }
  char ready = 0;
  ASSERT_EQ(::read(pipe[0], &ready, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(observe::read_states(folder_, false).empty());
  const auto states = observe::read_states(folder_, true);
  ASSERT_EQ(states.size(), 1U);
  EXPECT_EQ(states[0].pid, static_cast<std::uint32_t>(child));
  EXPECT_EQ(states[0].owner, trace::Owner::kGone);
  EXPECT_EQ(states[0].value("responses_received"), 10U);
}

TEST_F(EnginesTest, ReadersMeetNothingHalfWrittenWhileTheEngineWorks) {
  Echo echo(config());
  std::atomic<bool> stop{false};
  std::thread caller([&] {
    while (!stop) echo.call(200);
  });
  std::uint64_t seen = 0;
  for (int i = 0; i < 300; ++i) {
    const auto states = observe::read_states(folder_, true);
    ASSERT_EQ(states.size(), 1U);
    EXPECT_FALSE(states[0].torn);
    const std::uint64_t calls = states[0].value("responses_received");
    EXPECT_GE(calls, seen);
    seen = calls;
    for (const observe::RpcSeen& rpc : states[0].rpcs) {
      EXPECT_EQ(rpc.is_ours ? rpc.send_length : rpc.receive_length, 200U);
    }
  }
  stop = true;
  caller.join();
}

TEST_F(EnginesTest, WithoutAFolderTheHostOpensAndSaysWhy) {
  ::setenv("HOMA_STATE", (folder_ + "/none").c_str(), 1);
  const auto host = Host::open(config());
  ASSERT_TRUE(host.has_value());
  EXPECT_NE(host->description().find("tools do not see it"), std::string::npos);
}

TEST_F(EnginesTest, SwitchedOffNothingIsPublished) {
  ::setenv("HOMA_STATE", "off", 1);
  const auto host = Host::open(config());
  ASSERT_TRUE(host.has_value());
  EXPECT_EQ(host->description().find("tools"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace homa
