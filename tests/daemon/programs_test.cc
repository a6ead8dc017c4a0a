// Programs over one homad, in processes of their own.
#include <poll.h>

#include <array>

#include "daemon/homad.h"
#include "endtoend/hosts.h"
#include "homa/homa.h"

namespace homa::testing {
namespace {

constexpr std::uint16_t kPort = 4000;

// Answers requests with their own bytes until it is killed.
int serve(const HostConfig& config, const Flag& ready) {
  auto host = Host::open(config);
  if (!host) return 2;
  auto socket = host->serve(kPort);
  if (!socket) return 3;
  ready.raise();
  for (;;) {
    const auto request = socket->receive();
    if (!request) return 4;
    // Its client may be gone.
    static_cast<void>(socket->reply(request->rpc(), request->bytes()).has_value());
  }
}

int call_and_verify(const HostConfig& config, std::uint64_t seed, int calls) {
  auto host = Host::open(config);
  if (!host) return 2;
  auto socket = host->client();
  if (!socket) return 3;
  for (int i = 0; i < calls; ++i) {
    const auto request =
        pattern(1 + (seed * 7'919 + static_cast<std::uint64_t>(i) * 104'729) % 300'000,
                seed + static_cast<std::uint64_t>(i));
    const auto response = socket->call({host->address(), kPort}, request, 30s);
    if (!response) return 4;
    if (!std::equal(request.begin(), request.end(), response->bytes().begin(),
                    response->bytes().end())) {
      return 5;
    }
  }
  return 0;
}

class Programs : public ::testing::Test {
 protected:
  Homad homad_;
  Flag ready_;
};

TEST_F(Programs, InCChooseAnEngineAsWell) {
  const std::string socket = homad_.socket();
  homa_host_config config{};
  config.size = sizeof(config);
  config.udp_port = -1;
  config.receive_bytes = 4 << 20;
  config.daemon_socket = socket.c_str();
  const auto begins_with_homad = [&](int32_t engine) {
    config.engine = engine;
    homa_host* const host = homa_host_open(&config, nullptr);
    EXPECT_NE(host, nullptr) << homa_last_error();
    char text[200] = "";
    EXPECT_GT(homa_host_description(host, text, sizeof text), 0);
    homa_host_close(host);
    return std::string(text).starts_with("homad, ");
  };
  EXPECT_TRUE(begins_with_homad(HOMA_ENGINE_DAEMON));
  EXPECT_TRUE(begins_with_homad(HOMA_ENGINE_AUTO));
  EXPECT_FALSE(begins_with_homad(HOMA_ENGINE_OWN));
  homad_.kill(SIGTERM);
  EXPECT_FALSE(begins_with_homad(HOMA_ENGINE_AUTO));
  config.engine = HOMA_ENGINE_DAEMON;
  int error = 0;
  EXPECT_EQ(homa_host_open(&config, &error), nullptr);
  EXPECT_EQ(error, -HOMA_ESYSTEM) << homa_last_error();
  config.engine = HOMA_ENGINE_DAEMON + 1;
  EXPECT_EQ(homa_host_open(&config, &error), nullptr);
  EXPECT_EQ(error, -HOMA_EINVALID);
}

TEST_F(Programs, ShareOneEngine) {
  const Child server([&] { return serve(homad_.client_config(), ready_); });
  ASSERT_TRUE(ready_.wait());
  std::vector<Child> clients;
  for (std::uint64_t i = 0; i < 4; ++i) {
    clients.emplace_back([&, i] { return call_and_verify(homad_.client_config(), i, 100); });
  }
  for (Child& client : clients) EXPECT_EQ(client.wait(), 0) << homad_.log();
}

TEST_F(Programs, SayWhoseEngineTheyUse) {
  Host host = open_host(homad_.client_config());
  EXPECT_EQ(host.description().find("homad, udp 127.0.0.1"), 0U) << host.description();
  EXPECT_GT(host.counters().size(), 20U);
  HostConfig own = homad_.client_config();
  own.engine = EngineChoice::kAuto;
  EXPECT_EQ(open_host(own).description().find("homad, "), 0U);
  own.address = "127.0.0.1";
  own.udp_port = 0;
  EXPECT_EQ(open_host(own).description().find("udp 127.0.0.1"), 0U)
      << "an address of one's own is for an engine of one's own";
}

TEST_F(Programs, WithoutHomadHaveAnEngineOfTheirOwnUnlessTheyInsist) {
  HostConfig config;
  config.daemon_socket = "/nowhere/homad.sock";
  config.udp_port = 0;
  EXPECT_EQ(open_host(config).description().find("udp "), 0U);
  config.engine = EngineChoice::kDaemon;
  const auto insisting = Host::open(config);
  ASSERT_FALSE(insisting);
  EXPECT_NE(insisting.error().text.find("/nowhere/homad.sock"), std::string::npos);
}

TEST_F(Programs, CannotHaveAPortThatAnotherOneHas) {
  const Child server([&] { return serve(homad_.client_config(), ready_); });
  ASSERT_TRUE(ready_.wait());
  Host host = open_host(homad_.client_config());
  const auto second = host.serve(kPort);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kInUse);
  EXPECT_TRUE(host.serve(kPort + 1));
}

TEST_F(Programs, PollTheirSocketsDescriptors) {
  const Child server([&] { return serve(homad_.client_config(), ready_); });
  ASSERT_TRUE(ready_.wait());
  Host host = open_host(homad_.client_config());
  Socket client = host.client().value();
  for (int i = 0; i < 20; ++i) {
    pollfd waiting{client.descriptor(), POLLIN, 0};
    ASSERT_GE(waiting.fd, 0);
    EXPECT_EQ(::poll(&waiting, 1, 0), 0);
    ASSERT_TRUE(client.send({host.address(), kPort}, bytes_of("ping")));
    ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
    EXPECT_EQ(text_of(client.receive(0ms).value()), "ping");
    EXPECT_EQ(client.receive(0ms).error().code, ErrorCode::kWouldBlock);
  }
}

// The programs of one homad choose for themselves whether messages wait longer than
// buffer_wait_max.
TEST(ProgramsMemory, MessagesWaitForItWhereTheProgramSaysSo) {
  const Homad homad("buffer_wait_max = \"100ms\"\n");
  for (const bool wait : {false, true}) {
    HostConfig config = homad.client_config();
    config.wait_for_memory = wait;
    Host server = open_host(config);
    config.transmit_bytes = 16 << 20;
    Host outside = open_host(config);
    Socket slow = server.serve(kPort).value();
    Socket client = outside.client().value();
    constexpr int kRequests = 8;  // more than there is room for
    for (int i = 0; i < kRequests; ++i) {
      ASSERT_TRUE(client.send({server.address(), kPort}, pattern(900'000, 1)));
    }
    const auto failed = client.receive(wait ? 1s : 20s);
    EXPECT_EQ(failed.has_value(), !wait);
    if (!wait) continue;
    for (int i = 0; i < kRequests; ++i) {
      const auto request = slow.receive(20s);
      ASSERT_TRUE(request) << request.error().text;
    }
  }
}

TEST_F(Programs, LearnThatAServerWasKilled) {
  Child server([&] {
    Host host = open_host(homad_.client_config());
    Socket socket = host.serve(kPort).value();
    ready_.raise();
    const auto request = socket.receive();
    ready_.raise();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(ready_.wait());
  Host host = open_host(homad_.client_config());
  Socket client = host.client().value();
  ASSERT_TRUE(client.send({host.address(), kPort}, bytes_of("never answered")));
  ASSERT_TRUE(ready_.wait());
  server.kill();
  const auto failed = client.receive(20s);
  ASSERT_TRUE(failed) << failed.error().text;
  EXPECT_EQ(failed->kind(), Message::Kind::kFailure);
  EXPECT_EQ(failed->error(), ErrorCode::kCancelled);
  EXPECT_TRUE(eventually([&] { return host.serve(kPort).has_value(); })) << "the port is free";
}

// A killed program's child has copies of its descriptors: the connection does not end with it.
TEST_F(Programs, AreGoneWhenTheyDieAlthoughAChildOfTheirsLives) {
  const Flag over;
  Child server([&] {
    Host host = open_host(homad_.client_config());
    Socket socket = host.serve(kPort).value();
    if (::fork() == 0) {
      ready_.raise();
      ::_exit(over.wait() ? 0 : 1);
    }
    ::pause();
    return 0;
  });
  ASSERT_TRUE(ready_.wait());
  server.kill();
  Host host = open_host(homad_.client_config());
  EXPECT_TRUE(eventually([&] { return host.serve(kPort).has_value(); }));
  over.raise();
}

TEST_F(Programs, ThatAreKilledLeaveNothingBehind) {
  const Child server([&] { return serve(homad_.client_config(), ready_); });
  ASSERT_TRUE(ready_.wait());
  // Once before it counts: homad's tables have grown to their size.
  const auto kill_one = [&](int after_ms) {
    Child client([&] { return call_and_verify(homad_.client_config(), 1, 1'000'000); });
    std::this_thread::sleep_for(std::chrono::milliseconds(after_ms));
    client.kill();
  };
  kill_one(100);
  const auto settled = [&] {
    std::size_t before = 0, now = homad_.descriptors();
    do {
      before = now;
      std::this_thread::sleep_for(50ms);
      now = homad_.descriptors();
    } while (now != before);
    return now;
  };
  const std::size_t descriptors = settled();
  const std::uint64_t mapped = homad_.memory("VmSize");
  for (int i = 0; i < 20; ++i) kill_one(7 * i);
  EXPECT_TRUE(eventually([&] { return homad_.descriptors() == descriptors; }))
      << homad_.descriptors() << " descriptors, not " << descriptors << "\n"
      << homad_.log();
  EXPECT_TRUE(eventually([&] { return homad_.memory("VmSize") <= mapped + 1'024; }))
      << homad_.memory("VmSize") << " kB mapped, not " << mapped;
  EXPECT_EQ(call_and_verify(homad_.client_config(), 2, 20), 0) << "others lost nothing";
}

TEST_F(Programs, StartAgainWhereAHomadWasKilled) {
  homad_.kill(SIGKILL);
  EXPECT_TRUE(std::filesystem::exists(homad_.socket()));
  homad_.start();
  EXPECT_EQ(open_host(homad_.client_config()).description().find("homad, "), 0U);
}

}  // namespace
}  // namespace homa::testing
