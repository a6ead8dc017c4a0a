// Servers that die: clients are told, in time and in words, and a new server serves them.
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "hosts.h"

namespace homa {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::bytes_of;
using testing::loopback_config;
using testing::open_host;
using testing::text_of;

constexpr std::uint16_t kPort = 4000;

// A process that serves at a fixed address from start() on; "hang" is never answered. Forked when
// it is made, which is before this process has threads.
class ServerProcess {
 public:
  explicit ServerProcess(std::uint16_t udp_port) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair_), 0);
    child_ = ::fork();
    if (child_ == 0) serve(udp_port, pair_[1]);
    ::close(pair_[1]);
  }
  ~ServerProcess() {
    kill();
    ::close(pair_[0]);
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  void start() {
    char byte = 's';
    EXPECT_EQ(::write(pair_[0], &byte, 1), 1);
    EXPECT_EQ(::read(pair_[0], &byte, 1), 1) << "the server did not start";
  }
  void kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
  }

 private:
  [[noreturn]] static void serve(std::uint16_t udp_port, int pipe) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    char byte = 0;
    if (::read(pipe, &byte, 1) != 1) ::_exit(1);
    HostConfig config = loopback_config();
    config.udp_port = udp_port;
    Host host = open_host(config);
    Socket socket = host.serve(kPort).value();
    if (::write(pipe, &byte, 1) != 1) ::_exit(1);
    for (;;) {
      const auto request = socket.receive();
      if (!request) ::_exit(1);
      if (text_of(*request) == "hang") continue;
      static_cast<void>(socket.reply(request->rpc(), request->bytes()).has_value());
    }
  }

  int pair_[2] = {-1, -1};
  pid_t child_ = -1;
};

class Crash : public ::testing::Test {
 protected:
  static std::uint16_t free_udp_port() {
    Host host = open_host(loopback_config());
    return host.address().udp_port;
  }

  void SetUp() override { server_process_.start(); }

  const std::uint16_t udp_port_ = free_udp_port();
  ServerProcess server_process_{udp_port_};
  ServerProcess next_process_{udp_port_};
  Host host_ = open_host(loopback_config());
  Socket client_ = host_.client().value();
  const SocketAddress server_{Address::v4(127, 0, 0, 1, udp_port_), kPort};
};

TEST_F(Crash, AKilledServerFailsItsRequestsInTimeAndInWords) {
  ASSERT_TRUE(client_.call(server_, bytes_of("alive?"), 5s));
  const RpcHandle rpc = client_.send(server_, bytes_of("hang")).value();
  EXPECT_EQ(client_.receive(50ms).error().code, ErrorCode::kWouldBlock);
  server_process_.kill();
  const auto start = std::chrono::steady_clock::now();
  const auto failure = client_.receive_response(rpc, 10s);
  ASSERT_TRUE(failure) << failure.error().text;
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
  EXPECT_EQ(failure->kind(), Message::Kind::kFailure);
  EXPECT_EQ(failure->error(), ErrorCode::kPeerGone) << to_string(failure->error());
  EXPECT_EQ(failure->executed(), Executed::kPerhaps);
  const Error last = client_.status()->last_error;
  EXPECT_NE(last.text.find("127.0.0.1"), std::string::npos) << last.text;
  EXPECT_NE(last.text.find("may have been executed"), std::string::npos) << last.text;
}

TEST_F(Crash, ARestartedServerServesTheNextRequestAndDisownsTheLast) {
  ASSERT_TRUE(client_.call(server_, bytes_of("before"), 5s));
  const RpcHandle rpc = client_.send(server_, bytes_of("hang")).value();
  EXPECT_EQ(client_.receive(50ms).error().code, ErrorCode::kWouldBlock);
  server_process_.kill();
  next_process_.start();
  const auto response = client_.call(server_, bytes_of("after"), 5s);
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(text_of(*response), "after");
  const auto failure = client_.receive_response(rpc, 5s);
  ASSERT_TRUE(failure) << failure.error().text;
  EXPECT_EQ(failure->kind(), Message::Kind::kFailure);
  EXPECT_TRUE(failure->error() == ErrorCode::kPeerRestarted ||
              failure->error() == ErrorCode::kPeerUnreachable)
      << to_string(failure->error());
}

}  // namespace
}  // namespace homa
