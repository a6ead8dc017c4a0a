// Who may do what over homad, as users of the host meet it.
#include <grp.h>

#include "daemon/homad.h"
#include "endtoend/hosts.h"

namespace homa::testing {
namespace {

constexpr const char* kRules = R"(
[limits]
programs = 3
sockets = 5
rpcs = 10
receive_memory = "2mib"
[[limits_of]]
group = "daemon"
sockets = 7
[[ports]]
ports = "1-1023"
groups = ["daemon"]
)";

constexpr uid_t kSomebody = 65'534;
constexpr gid_t kDaemonGroup = 1;

class Policies : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::getuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  }
  // A child of that user and group. Its exit code is what `work` returns.
  int as_user(gid_t group, const std::function<int(Host&)>& work) {
    return Child([&] {
             if (::setgroups(0, nullptr) != 0 || ::setgid(group) != 0 || ::setuid(kSomebody) != 0) {
               return 100;
             }
             auto host = Host::open(homad_.client_config());
             return host ? work(*host) : 101;
           })
        .wait();
  }

  Homad homad_{kRules};
};

TEST_F(Policies, APortIsRefusedInASentenceAndInTheLog) {
  const int code = as_user(65'534, [](Host& host) {
    const auto refused = host.serve(80);
    if (refused || refused.error().code != ErrorCode::kNotPermitted) return 1;
    if (refused.error().text.find("user 65534 may not serve port 80 (rule \"ports 1-1023\"") ==
        std::string::npos) {
      return 2;
    }
    if (!host.serve(4000)) return 3;
    Socket client = host.client().value();
    const auto bound = client.bind(80);
    if (bound || bound.error().code != ErrorCode::kNotPermitted) return 4;
    return client.bind(4001) && client.port() == 4001 ? 0 : 5;
  });
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(homad_.logged("user=65534 why=\"user 65534 may not serve port 80")) << homad_.log();
  EXPECT_TRUE(homad_.logged("user=65534 port=4000"));
  EXPECT_TRUE(homad_.logged("user=65534 port=4001")) << "a client's socket that serves as well";
}

TEST_F(Policies, AGroupMayServeItsPorts) {
  EXPECT_EQ(as_user(kDaemonGroup, [](Host& host) { return host.serve(80) ? 0 : 1; }), 0);
}

TEST_F(Policies, LimitsAreKept) {
  const auto sockets_of = [](Host& host) {
    std::vector<Socket> sockets;
    for (auto socket = host.client(); socket; socket = host.client()) {
      sockets.push_back(std::move(socket).value());
    }
    return static_cast<int>(sockets.size());
  };
  EXPECT_EQ(as_user(65'534, sockets_of), 5);
  EXPECT_EQ(as_user(kDaemonGroup, sockets_of), 7);
  const int too_many = as_user(65'534, [this](Host&) {
    const auto second = Host::open(homad_.client_config());
    const auto third = Host::open(homad_.client_config());
    const auto fourth = Host::open(homad_.client_config());
    return second && third && !fourth &&
                   fourth.error().text.find("limit \"programs\"") != std::string::npos
               ? 0
               : 1;
  });
  EXPECT_EQ(too_many, 0);
}

TEST_F(Policies, RpcsOfAProgramAreBounded) {
  Host host = open_host(homad_.client_config());
  Socket server = host.serve(4000).value();
  Socket one = host.client().value(), two = host.client().value();
  int refused = 0;
  for (Socket* const client : {&one, &two}) {
    for (int i = 0; i < 8; ++i) {
      ASSERT_TRUE(client->send({host.address(), 4000}, bytes_of("held")));
    }
  }
  for (Socket* const client : {&one, &two}) {
    while (const auto failure = client->receive(300ms)) {
      EXPECT_EQ(failure->error(), ErrorCode::kNoMemory);
      ++refused;
    }
  }
  EXPECT_EQ(refused, 6) << "ten of sixteen are in progress";
}

TEST_F(Policies, ANewConfigurationCountsFromThenOn) {
  homad_.configure("");
  homad_.reload();
  EXPECT_EQ(as_user(65'534, [](Host& host) { return host.serve(80) ? 0 : 1; }), 0);
  homad_.configure("[limits]\nsokets = 3\n");
  ::kill(homad_.pid(), SIGHUP);
  EXPECT_TRUE(homad_.logged("goes on with the former configuration")) << homad_.log();
  EXPECT_TRUE(homad_.logged("limits.sokets")) << homad_.log();
}

}  // namespace
}  // namespace homa::testing
