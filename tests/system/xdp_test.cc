// AF_XDP between the hosts of a lab: with itself, with udp hosts, and beside Linux's own traffic.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "io/open.h"
#include "io/testing.h"
#include "tools/lab/lab.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

using io::IoConfig;
using io::PacketIo;
using io::testing::Bytes;
using io::testing::make_packet;
using io::testing::receive_n;
using io::testing::send_one;
using std::chrono::milliseconds;

class XdpTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto able = lab_available(); !able) GTEST_SKIP() << able.error().text;
    LabConfig config;
    config.name = "xdp" + std::to_string(::getpid());
    config.owner = ::getpid();
    config.hosts = 2;
    config.rate = 0;
    config.offloads = true;
    const auto built = lab_up(config);
    ASSERT_TRUE(built) << built.error().text;
    lab_.emplace(*built);
    // The rest of a test means nothing where the kernel lacks AF_XDP.
    const auto probe = try_open(1, "xdp");
    if (!probe) GTEST_SKIP() << "this machine has no AF_XDP: " << probe.error().text;
  }

  Result<std::unique_ptr<PacketIo>, Error> try_open(int host, const std::string& backend,
                                                    bool v6 = false) {
    IoConfig config;
    config.backend = backend;
    config.address = v6 ? Lab::host_address_v6(host) : Lab::host_address(host);
    std::optional<Result<std::unique_ptr<PacketIo>, Error>> opened;
    const auto entered =
        in_namespace((*lab_)->host_namespace(host), [&] { opened.emplace(io::open(config)); });
    if (!entered) return Unexpected<Error>(entered.error());
    return std::move(*opened);
  }

  std::unique_ptr<PacketIo> open(int host, const std::string& backend, bool v6 = false) {
    auto opened = try_open(host, backend, v6);
    EXPECT_TRUE(opened) << opened.error().text;
    return opened ? std::move(*opened) : nullptr;
  }

  // What a program prints that runs on a host.
  std::string on_host(int host, std::vector<std::string> command) {
    command.insert(command.begin(), {"ip", "netns", "exec", (*lab_)->host_namespace(host)});
    const auto done = run_program(command);
    EXPECT_TRUE(done) << done.error().text;
    return done ? *done : "";
  }

  bool has_program(int host) {
    return on_host(host, {"ip", "link", "show", "eth0"}).find("prog/xdp") != std::string::npos;
  }

  // What host 2 gets back from a server on host 1 that returns what it receives.
  std::string echo(int type) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(7777);
    ::inet_pton(AF_INET, Lab::host_address(1).c_str(), &name.sin_addr);
    int server = -1, client = -1;
    EXPECT_TRUE(in_namespace((*lab_)->host_namespace(1), [&] {
      server = ::socket(AF_INET, type, 0);
      EXPECT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
      if (type == SOCK_STREAM) ::listen(server, 1);
    }));
    EXPECT_TRUE(
        in_namespace((*lab_)->host_namespace(2), [&] { client = ::socket(AF_INET, type, 0); }));
    const timeval limit{1, 0};
    for (const int fd : {server, client}) {
      ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(::send(client, "hello", 5, 0), 5);
    const int peer = type == SOCK_STREAM ? ::accept(server, nullptr, nullptr) : server;
    char text[16] = {};
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t got =
        ::recvfrom(peer, text, sizeof text, 0, reinterpret_cast<sockaddr*>(&from), &length);
    EXPECT_EQ(got, 5);
    if (type == SOCK_STREAM) length = 0;
    if (got == 5) ::sendto(peer, text, 5, 0, reinterpret_cast<sockaddr*>(&from), length);
    char back[16] = {};
    EXPECT_EQ(::recv(client, back, sizeof back, 0), 5);
    if (peer != server) ::close(peer);
    ::close(server);
    ::close(client);
    return back;
  }

  std::optional<ScopedLab> lab_;
};

// Packets of all sizes both ways; each is received once and whole, from the right address.
void exchange(PacketIo& a, PacketIo& b) {
  const std::uint32_t largest =
      std::min(a.capabilities().packet_bytes_max, b.capabilities().packet_bytes_max);
  for (PacketIo* from : {&a, &b}) {
    PacketIo& to = from == &a ? b : a;
    for (const std::uint32_t length : {28U, 29U, 84U, 700U, largest - 1, largest}) {
      const Bytes packet = make_packet(length, length);
      ASSERT_TRUE(send_one(*from, packet, to.capabilities().local, 5));
      const auto received = receive_n(to, 1);
      ASSERT_EQ(received.size(), 1U) << length << " bytes to " << to.capabilities().name;
      EXPECT_EQ(received[0].bytes, packet);
      EXPECT_EQ(received[0].source, from->capabilities().local);
    }
  }
}

// A burst of equal packets, which a segmenting sender hands over as one.
void burst(PacketIo& from, PacketIo& to) {
  constexpr std::size_t kPackets = 40;
  std::vector<Bytes> packets;
  std::vector<io::TxFrame> frames;
  for (std::uint32_t i = 0; i < kPackets; ++i) packets.push_back(make_packet(1400, i));
  for (const Bytes& packet : packets) {
    frames.push_back(io::testing::frame_of(packet, to.capabilities().local));
  }
  ASSERT_TRUE(io::testing::send_all(from, frames));
  const auto received = receive_n(to, kPackets);
  ASSERT_EQ(received.size(), kPackets);
  for (std::size_t i = 0; i < kPackets; ++i) EXPECT_EQ(received[i].bytes, packets[i]);
}

TEST_F(XdpTest, TalksToItselfOverBothFamilies) {
  for (const bool v6 : {false, true}) {
    const auto a = open(1, "xdp", v6);
    const auto b = open(2, "xdp", v6);
    ASSERT_TRUE(a && b);
    exchange(*a, *b);
    burst(*a, *b);
    // Fast, that is, not by way of the kernel's sockets.
    EXPECT_TRUE(a->capabilities().queue_feedback);
    EXPECT_EQ(a->device_queue_bytes(), 0U);
  }
}

TEST_F(XdpTest, TalksToUdpHostsOverBothFamilies) {
  for (const bool v6 : {false, true}) {
    const auto a = open(1, "xdp", v6);
    const auto b = open(2, "udp", v6);
    ASSERT_TRUE(a && b);
    exchange(*a, *b);
    burst(*a, *b);
    burst(*b, *a);
  }
}

TEST_F(XdpTest, GenericModeWorksToo) {
  const auto a = open(1, "xdp:mode=generic");
  const auto b = open(2, "udp");
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->capabilities().note.find("generic"), std::string::npos);
  exchange(*a, *b);
}

TEST_F(XdpTest, TalksToRawHostsInTheirFormat) {
  for (const char* format : {"xdp:format=146", "xdp"}) {
    const auto a = open(1, format);
    const auto b = open(2, "raw");
    ASSERT_TRUE(a && b);
    // The raw host speaks first, so that one that prefers UDP learns what its peer speaks.
    const Bytes packet = make_packet(100, 1);
    ASSERT_TRUE(send_one(*b, packet, a->capabilities().local));
    ASSERT_EQ(receive_n(*a, 1).size(), 1U) << format;
    exchange(*a, *b);
  }
}

TEST_F(XdpTest, AnUnknownNeighbourIsResolved) {
  on_host(1, {"ip", "neigh", "flush", "all", "nud", "permanent"});
  on_host(2, {"ip", "neigh", "flush", "all", "nud", "permanent"});
  const auto a = open(1, "xdp");
  const auto b = open(2, "udp");
  ASSERT_TRUE(a && b);
  exchange(*a, *b);
}

TEST_F(XdpTest, ANeighbourThatMovesIsFollowed) {
  on_host(1, {"ip", "neigh", "flush", "all", "nud", "permanent"});
  const auto a = open(1, "xdp");
  const auto b = open(2, "udp");
  ASSERT_TRUE(a && b);
  exchange(*a, *b);
  on_host(2, {"ip", "link", "set", "eth0", "address", "02:00:00:00:77:77"});
  on_host(1, {"ip", "neigh", "replace", Lab::host_address(2), "lladdr", "02:00:00:00:77:77", "dev",
              "eth0", "nud", "reachable"});
  receive_n(*a, 1, milliseconds(50));
  exchange(*a, *b);
}

TEST_F(XdpTest, ReachesItsOwnHostThroughTheKernel) {
  const auto a = open(1, "xdp");
  ASSERT_TRUE(a);
  const Bytes packet = make_packet(300, 3);
  ASSERT_TRUE(send_one(*a, packet, a->capabilities().local));
  const auto received = receive_n(*a, 1);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].bytes, packet);
}

TEST_F(XdpTest, OtherTrafficGoesOnToLinux) {
  const auto a = open(1, "xdp");
  ASSERT_TRUE(a);
  // TCP, and UDP on another port; ARP too, as neighbours are to be resolved.
  on_host(2, {"ip", "neigh", "flush", "all", "nud", "permanent"});
  EXPECT_EQ(echo(SOCK_STREAM), "hello");
  EXPECT_EQ(echo(SOCK_DGRAM), "hello");
}

TEST_F(XdpTest, TheKernelReportsAHostWithoutHoma) {
  const auto a = open(1, "xdp");
  ASSERT_TRUE(a);
  const Address peer = *Address::parse(Lab::host_address(2));
  ASSERT_TRUE(send_one(*a, make_packet(100, 1), peer));
  const auto errors = io::testing::receive_errors(*a);
  ASSERT_FALSE(errors.empty());
  EXPECT_EQ(errors[0].kind, io::IoError::Kind::kProtocolUnreachable);
  EXPECT_EQ(errors[0].peer.ip, peer.ip);
}

TEST_F(XdpTest, ASecondEngineOnTheInterfaceIsRefusedInWords) {
  const auto a = open(1, "xdp");
  ASSERT_TRUE(a);
  auto config = try_open(1, "xdp:format=146");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, ErrorCode::kInUse) << config.error().text;
  EXPECT_NE(config.error().text.find("eth0"), std::string::npos) << config.error().text;
}

TEST_F(XdpTest, ClosingLeavesTheInterfaceAsItWas) {
  auto a = open(1, "xdp");
  ASSERT_TRUE(a);
  EXPECT_TRUE(has_program(1));
  a.reset();
  EXPECT_FALSE(has_program(1));
}

TEST_F(XdpTest, AKilledProcessLeavesNothingBehind) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto a = try_open(1, "xdp");
    if (!a) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  const auto a = open(1, "xdp");  // at once
  const auto b = open(2, "udp");
  ASSERT_TRUE(a && b);
  exchange(*a, *b);
}

TEST_F(XdpTest, AStaleProgramOfOursIsReplacedAndOthersAreLeftAlone) {
  // Attached without a link, as a program that outlives its process.
  on_host(1, {"ip", "link", "set", "dev", "eth0", "xdpdrv", "obj", HOMA_XDP_OBJECT, "sec", "xdp"});
  ASSERT_TRUE(has_program(1));
  auto a = open(1, "xdp");
  ASSERT_TRUE(a);
  a.reset();
  EXPECT_FALSE(has_program(1));
}

TEST_F(XdpTest, AutoTakesUdpWhereXdpWouldCopyAndSaysSo) {
  const auto a = open(1, "auto");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->capabilities().name, "udp");
  EXPECT_NE(a->capabilities().note.find("copy=copy"), std::string::npos) << a->capabilities().note;
}

TEST_F(XdpTest, CopyModeSaysThatItIsForSmallMessages) {
  const auto a = open(1, "xdp");
  ASSERT_TRUE(a);
  EXPECT_NE(a->capabilities().note.find("for small messages"), std::string::npos)
      << a->capabilities().note;
}

TEST_F(XdpTest, WaitEndsWhenAPacketArrives) {
  const auto a = open(1, "xdp");
  const auto b = open(2, "udp");
  ASSERT_TRUE(a && b);
  exchange(*a, *b);
  std::thread sender([&] {
    std::this_thread::sleep_for(milliseconds(100));
    send_one(*b, make_packet(100, 1), a->capabilities().local);
  });
  const auto start = std::chrono::steady_clock::now();
  a->wait(std::chrono::seconds(5), -1);
  const auto took = std::chrono::steady_clock::now() - start;
  sender.join();
  EXPECT_GT(took, milliseconds(50));
  EXPECT_LT(took, milliseconds(1000));
  EXPECT_EQ(receive_n(*a, 1).size(), 1U);
}

}  // namespace
}  // namespace homa::tools
