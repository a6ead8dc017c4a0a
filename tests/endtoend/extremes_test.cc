// Every size, limit, time and code of the public interface at its extremes. Each is taken, and the
// host works, or refused with an error in words. Nothing is thrown, and nothing stops the process.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <limits>

#include "core/config_fields.h"
#include "homa/homa.h"
#include "hosts.h"

namespace homa {
namespace {

using namespace std::chrono_literals;
using testing::bytes_of;
using testing::EchoServer;
using testing::loopback_config;

bool is_refusal(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kNoMemory ||
         code == ErrorCode::kSystem || code == ErrorCode::kNotPermitted ||
         code == ErrorCode::kClosed;
}

// Opens a host and calls itself once. What is refused is refused in words. A call may fail: with
// some parameters no message of two packets ever arrives.
void try_config(const HostConfig& config, const std::string& what) {
  auto host = Host::open(config);
  if (!host) {
    EXPECT_TRUE(is_refusal(host.error().code)) << what << ": " << host.error().text;
    EXPECT_FALSE(host.error().text.empty()) << what;
    return;
  }
  auto server = host->serve(4000);
  auto client = host->client();
  if (!server || !client) {
    const Error& error = server ? client.error() : server.error();
    EXPECT_TRUE(is_refusal(error.code)) << what << ": " << error.text;
    return;
  }
  const auto request = testing::pattern(3'000, 1);
  const auto sent = client->send({host->address(), 4000}, request);
  if (!sent) {
    EXPECT_FALSE(sent.error().text.empty()) << what;
    return;
  }
  const auto received = server->receive(100ms);
  if (received) {
    static_cast<void>(server->reply(received->rpc(), received->bytes()).has_value());
  }
  const auto response = client->receive(100ms);
  if (response && response->kind() == Message::Kind::kResponse) {
    EXPECT_TRUE(std::equal(request.begin(), request.end(), response->bytes().begin(),
                           response->bytes().end()))
        << what;
  }
  EXPECT_TRUE(client->status()) << what;
}

HostConfig with_parameter(std::string_view name, const std::string& value) {
  HostConfig config = loopback_config();
  config.parameters[std::string(name)] = value;
  return config;
}

std::vector<std::string> extremes_of(const core::ConfigField& field) {
  if (field.unit == "duration") {
    return {"0", "1ns", "1us", "1s", "24h", "1000h", "9223372036854775807ns", "1e300s", "-1ms"};
  }
  if (field.name == "cutoffs") {
    return {"0,0,0,0,0,0,0,0",
            "4294967295,4294967295,4294967295,4294967295,4294967295,"
            "4294967295,4294967295,4294967295",
            "1,2,3,4,5,6,7", "1,2,3,4,5,6,7,8,9", "-1,0,0,0,0,0,0,0"};
  }
  return {"0",
          "1",
          "2",
          "1000",
          "1073741824",
          "2147483647",
          "2147483648",
          "3000000000",
          "4294967295",
          "4294967296",
          "18446744073709551615",
          "18446744073709551616",
          "1e18",
          "1e400",
          "-1",
          "nan",
          "inf",
          ""};
}

TEST(Extremes, OfEveryParameter) {
  for (const core::ConfigField& field : core::config_fields()) {
    for (const std::string& value : extremes_of(field)) {
      try_config(with_parameter(field.name, value), std::string(field.name) + "=" + value);
    }
  }
}

TEST(Extremes, OfEverySizeAndTimeOfAHost) {
  using std::chrono::microseconds;
  const std::uint64_t sizes[] = {0,
                                 1,
                                 4'095,
                                 1'000'000,
                                 std::uint64_t{1} << 40,
                                 (std::uint64_t{1} << 40) + 1,
                                 std::uint64_t{1} << 63,
                                 ~std::uint64_t{0} - 4'000,
                                 ~std::uint64_t{0}};
  for (const std::uint64_t size : sizes) {
    HostConfig config = loopback_config();
    config.transmit_bytes = size;
    try_config(config, "transmit_bytes=" + std::to_string(size));
    config = loopback_config();
    config.receive_bytes = size;
    try_config(config, "receive_bytes=" + std::to_string(size));
  }
  for (const std::uint32_t mtu : {1U, 27U, 83U, 84U, 85U, 100U, 576U, 65'535U, 65'536U, ~0U}) {
    HostConfig config = loopback_config();
    config.mtu = mtu;
    try_config(config, "mtu=" + std::to_string(mtu));
  }
  for (const auto time : {microseconds::min(), microseconds(-1), microseconds(0), microseconds(1),
                          microseconds(std::chrono::hours(24)), microseconds::max()}) {
    const std::string text = std::to_string(time.count());
    HostConfig config = loopback_config();
    config.poll = time;
    if (time <= 1ms || time == microseconds::max()) try_config(config, "poll=" + text);
    config = loopback_config();
    config.takeover = time;
    try_config(config, "takeover=" + text);
    config = loopback_config();
    config.coalesce = time;
    if (time <= 1ms || time == microseconds::max()) try_config(config, "coalesce=" + text);
    config = loopback_config();
    config.cpu_latency = time;
    if (time < 0us || time == microseconds::max()) try_config(config, "cpu_latency=" + text);
  }
  for (const std::uint32_t pollers : {0U, ~0U}) {
    HostConfig config = loopback_config();
    config.pollers_max = pollers;
    try_config(config, "pollers_max=" + std::to_string(pollers));
  }
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double fraction : {-1.0, 1.0, 1.1, infinity, std::nan("")}) {
    HostConfig config = loopback_config();
    config.loss = fraction;
    try_config(config, "loss=" + std::to_string(fraction));
    config = loopback_config();
    config.duplication = config.reordering = fraction;
    try_config(config, "duplication=reordering=" + std::to_string(fraction));
  }
}

TEST(Extremes, OfEveryTextOfAHost) {
  const std::string longest(100'000, 'x');
  for (const std::string& text :
       {std::string("0"), std::string("-"), std::string("%"), std::string("\0a", 2), longest,
        std::string("255.255.255.255"), std::string("::"), std::string("fe80::1%lo")}) {
    HostConfig config = loopback_config();
    config.address = text;
    try_config(config, "address");
    config = loopback_config();
    config.interface = text;
    try_config(config, "interface");
    config = loopback_config();
    config.backend = text;
    try_config(config, "backend");
    config = loopback_config();
    config.engine = EngineChoice::kDaemon;
    config.daemon_socket = text;
    try_config(config, "daemon_socket");
    config.engine = static_cast<EngineChoice>(text.size() % 256);
    try_config(config, "engine");
    config = loopback_config();
    config.pcap = "/nonexistent/" + text;
    try_config(config, "pcap");
    try_config(with_parameter(text, text), "parameter");
    static_cast<void>(Address::parse(text).has_value());
    static_cast<void>(SocketAddress::parse("[" + text + "]:1").has_value());
    static_cast<void>(SocketAddress::parse("10.0.0.1:" + text).has_value());
  }
}

TEST(Extremes, OfEveryCallOfASocket) {
  Host host = testing::open_host(loopback_config());
  const EchoServer echo(host, 4000);
  Socket client = host.client().value();
  const std::byte byte{1};
  // Longer than there is memory: refused before a byte is read.
  const std::span<const std::byte> longest(&byte, std::numeric_limits<std::ptrdiff_t>::max());
  EXPECT_EQ(client.send(echo.address(), longest).error().code, ErrorCode::kTooLong);
  const std::span<const std::byte> nothing;
  EXPECT_EQ(client.send(echo.address(), nothing).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(client.reply(1, longest).error().code, ErrorCode::kTooLong);
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{0, 32'767, 32'768, 65'535}) {
    const auto sent = client.send({host.address(), port}, bytes_of("x"));
    EXPECT_EQ(sent.has_value(), port == 32'767) << port;
    EXPECT_EQ(host.serve(port).has_value(), port == 32'767) << port;
  }
  for (const RpcHandle rpc : {RpcHandle{0}, RpcHandle{1}, RpcHandle{2}, ~RpcHandle{0},
                              ~RpcHandle{1}, RpcHandle{1} << 63}) {
    EXPECT_EQ(client.reply(rpc, bytes_of("x")).error().code, ErrorCode::kNoSuchRpc) << rpc;
    EXPECT_EQ(client.receive_response(rpc, 0ns).error().code, ErrorCode::kNoSuchRpc) << rpc;
    EXPECT_EQ(client.abort(rpc).error().code, ErrorCode::kNoSuchRpc) << rpc;
  }
  using std::chrono::nanoseconds;
  for (const nanoseconds timeout : {nanoseconds::min(), nanoseconds(-1), nanoseconds(0)}) {
    EXPECT_FALSE(client.call(echo.address(), bytes_of("x"), timeout)) << timeout.count();
  }
  for (const Timeout timeout : {Timeout(nanoseconds::max()), Timeout(nanoseconds::max() - 1ns),
                                Timeout(std::chrono::hours(24 * 365 * 100)), Timeout()}) {
    const auto response = client.call(echo.address(), bytes_of("x"), timeout);
    EXPECT_TRUE(response) << response.error().text;
  }
}

// The peer hears any code; one that it does not know is "cancelled" to it.
TEST(Extremes, OfCodesOfAnAbort) {
  Host host = testing::open_host(loopback_config());
  Socket server = host.serve(4000).value();
  for (int code = 0; code <= 255; ++code) {
    Socket client = host.client().value();
    const auto rpc = client.send({host.address(), 4000}, bytes_of("x"));
    ASSERT_TRUE(rpc);
    const auto request = server.receive(5s);
    ASSERT_TRUE(request) << request.error().text;
    if (code % 2 == 0) {
      ASSERT_TRUE(client.abort(*rpc, static_cast<ErrorCode>(code)));
      if (code == 0) continue;
    } else {
      ASSERT_TRUE(server.abort(request->rpc(), static_cast<ErrorCode>(code)));
    }
    const auto failure = client.receive(5s);
    ASSERT_TRUE(failure) << code << ": " << failure.error().text;
    EXPECT_EQ(failure->kind(), Message::Kind::kFailure) << code;
    EXPECT_FALSE(to_string(failure->error()).empty()) << code;
    EXPECT_TRUE(client.status()) << code;
  }
}

// It fills the descriptor, takes what is in it, makes it block, shuts it down, closes it: the
// engine serves it and all others as before.
TEST(Extremes, OfWhatAnApplicationDoesToItsDescriptor) {
  Host host = testing::open_host(loopback_config());
  const EchoServer echo(host, 4000);
  const std::function<void(int)> deeds[] = {
      [](int fd) {
        const std::vector<char> bytes(1'000, 'x');
        while (::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) continue;
      },
      [](int fd) {
        char byte;
        while (::recv(fd, &byte, 1, MSG_DONTWAIT) >= 0) continue;
      },
      [](int fd) { ::fcntl(fd, F_SETFL, 0); },
      [](int fd) { ::shutdown(fd, SHUT_RDWR); },
      [](int fd) { ::close(::dup(fd)); },
  };
  for (const auto& deed : deeds) {
    Socket bad = host.client().value();
    Socket good = host.client().value();
    for (int i = 0; i < 300; ++i) {  // more than the descriptor's queue holds
      const int fd = bad.descriptor();
      ASSERT_GE(fd, 0);
      deed(fd);
      ASSERT_TRUE(bad.send(echo.address(), bytes_of("x")));
      const auto other = good.call(echo.address(), bytes_of("y"), 5s);
      ASSERT_TRUE(other) << other.error().text;
      deed(fd);
      const auto response = bad.receive(5s);
      ASSERT_TRUE(response) << response.error().text;
    }
  }
}

TEST(Extremes, OfTheCInterface) {
  for (const int code : std::initializer_list<int>{0, 1, -1, HOMA_EDRAINING, HOMA_EDRAINING + 1,
                                                   255, 256, INT_MAX, INT_MIN}) {
    EXPECT_NE(homa_strerror(code), nullptr) << code;
  }
  homa_host_config config{};
  config.size = SIZE_MAX;
  config.address = "127.0.0.1";
  for (const int value : {INT_MIN, -2, 65'536, INT_MAX}) {
    config.udp_port = value;
    int error = 0;
    EXPECT_EQ(homa_host_open(&config, &error), nullptr);
    EXPECT_EQ(error, -HOMA_EINVALID);
  }
  config.udp_port = -1;
  config.poll_us = INT_MIN;
  config.library_thread_only = INT_MIN;
  homa_host* host = homa_host_open(&config, nullptr);
  ASSERT_NE(host, nullptr) << homa_last_error();
  char text[64];
  EXPECT_EQ(homa_host_address(host, nullptr, SIZE_MAX), -HOMA_EINVALID);
  EXPECT_EQ(homa_host_address(host, text, 0), -HOMA_EINVALID);
  ASSERT_GT(homa_host_address(host, text, sizeof text), 0);
  homa_address to{};
  ASSERT_EQ(homa_parse_address((std::string(text) + ":4000").c_str(), &to), 0);
  EXPECT_EQ(homa_format_address(&to, text, 0), -HOMA_EINVALID);
  EXPECT_EQ(homa_socket(host, 40'000, nullptr), nullptr);
  homa_socket_t* socket = homa_socket(host, 0, nullptr);
  ASSERT_NE(socket, nullptr);
  std::uint64_t id = 0;
  EXPECT_EQ(homa_send(socket, text, SIZE_MAX, &to, &id, 0, 0), -HOMA_ETOOLONG);
  EXPECT_EQ(homa_send(socket, nullptr, 0, &to, &id, 0, 0), -HOMA_EINVALID);
  EXPECT_EQ(homa_send(socket, text, 1, &to, &id, UINT64_MAX, UINT_MAX), -HOMA_EINVALID);
  EXPECT_EQ(homa_reply(socket, text, SIZE_MAX, UINT64_MAX), -HOMA_ETOOLONG);
  EXPECT_EQ(homa_reply(socket, text, 1, UINT64_MAX), -HOMA_ENORPC);
  homa_message message{};
  EXPECT_EQ(homa_recv(socket, UINT64_MAX, INT64_MAX, &message), -HOMA_ENORPC);
  EXPECT_EQ(homa_recv(socket, 1, INT64_MIN, &message), -HOMA_ENORPC);
  EXPECT_EQ(homa_recv(socket, 0, 0, &message), -HOMA_EWOULDBLOCK);
  EXPECT_EQ(homa_invoke(socket, text, SIZE_MAX, &to, INT64_MIN, &message), -HOMA_ETOOLONG);
  homa_release(&message);
  for (const int code : std::initializer_list<int>{INT_MIN, INT_MIN + 1, -HOMA_EDRAINING - 1,
                                                   HOMA_EDRAINING + 1, INT_MAX}) {
    EXPECT_EQ(homa_abort(socket, 0, code), -HOMA_EINVALID) << code;
    EXPECT_EQ(homa_abort(socket, UINT64_MAX, code), -HOMA_EINVALID) << code;
  }
  EXPECT_EQ(homa_abort(socket, 0, -HOMA_EDRAINING), 0);
  EXPECT_EQ(homa_abort(socket, UINT64_MAX, HOMA_EDRAINING), -HOMA_ENORPC);
  homa_close(socket);
  homa_close(nullptr);
  homa_host_close(host);
  homa_host_close(nullptr);
}

}  // namespace
}  // namespace homa
