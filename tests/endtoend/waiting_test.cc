// Who is woken, and what signals and wrong configurations do.
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <map>

#include "hosts.h"

namespace homa {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;
using testing::bytes_of;
using testing::EchoServer;
using testing::loopback_config;
using testing::open_host;
using testing::RunBy;
using testing::text_of;

class Waiting : public ::testing::TestWithParam<RunBy> {
 protected:
  static HostConfig config() {
    HostConfig config = loopback_config(GetParam());
    config.poll = 0us;
    return config;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, Waiting, ::testing::Values(RunBy::kLibrary, RunBy::kCallers),
                         [](const auto& parameter) {
                           return parameter.param == RunBy::kLibrary ? "library" : "callers";
                         });

TEST(Waiters, TheOneThatSleptLastIsWokenFirst) {
  HostConfig config = loopback_config(RunBy::kLibrary);  // else the thread that drives is first
  config.poll = 0us;
  Host server_host = open_host(config);
  Host client_host = open_host(config);
  Socket server = server_host.serve(4000).value();
  Socket client = client_host.client().value();
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const auto request = server.receive(20s);
      ASSERT_TRUE(request) << request.error().text;
      const std::lock_guard lock(mutex);
      order.push_back(i);
    });
    std::this_thread::sleep_for(100ms);  // it sleeps before the next one comes
  }
  for (std::size_t i = 1; i <= 4; ++i) {
    ASSERT_TRUE(client.send({server_host.address(), 4000}, bytes_of("x")));
    for (;;) {
      std::this_thread::sleep_for(1ms);
      const std::lock_guard lock(mutex);
      if (order.size() == i) break;
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{3, 2, 1, 0}));
}

TEST_P(Waiting, SignalsLoseNoMessageAndEndNoWait) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, nullptr);
  Host server_host = open_host(config());
  Host client_host = open_host(config());
  EchoServer server(server_host, 4000);
  Socket client = client_host.client().value();
  std::atomic<bool> done{false};
  std::thread caller([&] {
    for (int i = 0; i < 200; ++i) {
      const std::string text = std::to_string(i);
      const auto response = client.call(server.address(), bytes_of(text), 20s);
      ASSERT_TRUE(response) << response.error().text;
      ASSERT_EQ(text_of(*response), text);
    }
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(client.receive(100ms).error().code, ErrorCode::kWouldBlock);
    EXPECT_GE(std::chrono::steady_clock::now() - before, 100ms);
    done = true;
  });
  while (!done) {
    pthread_kill(caller.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(200us);
  }
  caller.join();
}

TEST_P(Waiting, AnAnswerWakesTheThreadThatWaitsForIt) {
  Host server_host = open_host(config());
  Host client_host = open_host(config());
  EchoServer server(server_host, 4000);
  Socket client = client_host.client().value();
  std::vector<std::thread> threads;
  // Threads that wait for anything must neither take nor delay what others wait for by id.
  std::atomic<bool> done{false};
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        const auto message = client.receive(50ms);
        EXPECT_TRUE(!message || done) << "a private answer went to the wrong thread";
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.call(server.address(), bytes_of("mine"), 20s));
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
}

TEST(Hosts, RefuseWrongConfigurationsByName) {
  const std::map<std::string, HostConfig> wrong = [] {
    std::map<std::string, HostConfig> configs;
    configs["no_such_parameter"].parameters["no_such_parameter"] = "1";
    configs["overcommit"].parameters["overcommit"] = "1000";
    configs["unscheduled_bytes"].parameters["unscheduled_bytes"] = "many";
    configs["no_such_backend"].backend = "no_such_backend";
    configs["receive memory"].receive_bytes = 100'000;
    configs["transmit memory"].transmit_bytes = 1;
    configs["192.0.2.1"].address = "192.0.2.1";
    return configs;
  }();
  for (auto [name, config] : wrong) {
    config.udp_port = 0;
    const auto host = Host::open(config);
    ASSERT_FALSE(host) << name;
    EXPECT_NE(host.error().text.find(name), std::string::npos) << host.error().text;
  }
}

TEST(Hosts, TakeParametersByName) {
  HostConfig config = loopback_config();
  config.parameters = {{"message_bytes_max", "5M"}, {"link_bits_per_second", "10G"}};
  Host host = open_host(config);
  EXPECT_NE(host.description().find("10 Gbit/s"), std::string::npos) << host.description();
  EchoServer server(host, 4000);
  Socket client = host.client().value();
  const auto request = testing::pattern(4'000'000, 1);
  const auto response = client.call(server.address(), request, 20s);
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_TRUE(std::ranges::equal(response->bytes(), request));
}

}  // namespace
}  // namespace homa
