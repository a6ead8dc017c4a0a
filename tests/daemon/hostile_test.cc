// Programs that do not keep to the protocol, or share memory that would hurt homad.
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>

#include "base/mapping.h"
#include "channel/control.h"
#include "channel/doorbell.h"
#include "channel/region.h"
#include "daemon/homad.h"
#include "endtoend/hosts.h"

namespace homa::testing {
namespace {

using channel::ControlHead;
using channel::ControlKind;

class HostileProgram : public ::testing::Test {
 protected:
  void SetUp() override { socket_ = connect(); }

  base::Descriptor connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    homad_.socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
    base::Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return socket;
  }
  // What homad answers; nullopt: it closed the connection.
  std::optional<channel::ControlMessage> ask(ControlKind kind,
                                             std::span<const int> descriptors = {},
                                             std::uint16_t port = 0,
                                             std::uint64_t bytes = 4 << 20) {
    ControlHead head;
    head.kind = kind;
    head.receive_bytes = bytes;
    head.engine.port = port;
    if (!channel::send_control(socket_.get(), head, {}, descriptors)) return std::nullopt;
    return next_answer();
  }
  std::optional<channel::ControlMessage> next_answer() const {
    for (;;) {
      pollfd waiting{socket_.get(), POLLIN, 0};
      EXPECT_EQ(::poll(&waiting, 1, 20'000), 1);
      auto received = channel::receive_control(socket_.get());
      if (!received) return std::nullopt;
      if (*received) return std::move(**received);
    }
  }
  void expect_refused(std::optional<channel::ControlMessage> answer, const std::string& why) {
    if (!answer) return ADD_FAILURE() << "closed without a word";
    EXPECT_EQ(answer->head.kind, ControlKind::kRefused);
    EXPECT_NE(answer->text.find(why), std::string::npos) << answer->text;
  }
  void expect_closed() {
    pollfd waiting{socket_.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
    EXPECT_EQ(channel::receive_control(socket_.get()).error().code, ErrorCode::kClosed);
  }
  void expect_memory_refused(int doorbell, int receive, const std::string& why) {
    socket_ = connect();
    ask(ControlKind::kHello);
    const std::array<int, 2> both{doorbell, receive};
    expect_refused(ask(ControlKind::kMemory, both), why);
    expect_closed();
  }
  void attach() {
    ASSERT_TRUE(ask(ControlKind::kHello));
    const std::array<int, 2> both{doorbell_.descriptor(), receive_.descriptor()};
    ASSERT_EQ(ask(ControlKind::kMemory, both)->head.kind, ControlKind::kDone);
  }
  void expect_homad_serves_others() {
    Host host = open_host(homad_.client_config());
    EchoServer server(host, 4000);
    Socket client = host.client().value();
    EXPECT_TRUE(client.call(server.address(), bytes_of("well?"), 20s)) << homad_.log();
  }

  Homad homad_;
  base::Descriptor socket_;
  base::Mapping doorbell_ = base::Mapping::create_populated(sizeof(channel::Doorbell)).value();
  base::Mapping receive_ = base::Mapping::create_populated(4 << 20).value();
};

TEST_F(HostileProgram, SharesMemoryThatHomadDoesNotTake) {
  const int good_bell = doorbell_.descriptor(), good_memory = receive_.descriptor();
  const auto sparse = base::Mapping::create_shared(4 << 20);
  expect_memory_refused(good_bell, sparse->descriptor(), "populated");
  const base::Descriptor unsealed(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(unsealed.get(), 4 << 20), 0);
  expect_memory_refused(good_bell, unsealed.get(), "neither shrink nor grow");
  const auto huge = base::Mapping::create_shared(std::uint64_t{1} << 36);
  expect_memory_refused(good_bell, huge->descriptor(), "bytes, not 1 to");
  const auto small = base::Mapping::create_populated(4096);
  expect_memory_refused(good_bell, small->descriptor(), "holds no message");
  const auto tiny = base::Mapping::create_populated(64);
  expect_memory_refused(tiny->descriptor(), good_memory, "no room for a doorbell");
  base::Mapping unwritable = base::Mapping::create_populated(4 << 20).value();
  ASSERT_TRUE(unwritable.forbid_others_to_write());
  expect_memory_refused(good_bell, unwritable.descriptor(), "cannot map");
  const base::Descriptor no_memory(::open("/dev/null", O_RDWR | O_CLOEXEC));
  expect_memory_refused(good_bell, no_memory.get(), "has to be a memfd");
  expect_homad_serves_others();
}

TEST_F(HostileProgram, SpeaksOutOfTurn) {
  expect_refused(ask(ControlKind::kOpen), "at the wrong time");
  expect_refused(ask(ControlKind::kSignal), "for no channel");
  expect_refused(ask(ControlKind::kPort, {}, 4000), "for no channel");
  const std::array<int, 2> both{doorbell_.descriptor(), receive_.descriptor()};
  expect_refused(ask(ControlKind::kMemory, both), "at the wrong time");
  expect_closed();
  socket_ = connect();
  attach();
  expect_refused(ask(ControlKind::kHello), "hello twice");
  expect_refused(ask(ControlKind::kWelcome), "do not send this");
  expect_closed();
  socket_ = connect();
  ASSERT_EQ(::send(socket_.get(), "GET / HTTP/1.1", 14, 0), 14);
  expect_refused(next_answer(), "not the protocol");
  expect_homad_serves_others();
}

TEST_F(HostileProgram, PassesChannelsThatAreNone) {
  attach();
  const std::array<int, 1> no_channel{receive_.descriptor()};
  expect_refused(ask(ControlKind::kOpen, no_channel), "holds no channel");
  auto region = channel::Region::create_shared({}).value();
  const std::array<int, 1> channel{region->memory().descriptor()};
  expect_refused(ask(ControlKind::kOpen, channel, 40'000), "servers have ports");
  region->header().layout.transmit_bytes += 4096;
  expect_refused(ask(ControlKind::kOpen, channel), "header is broken");
  expect_homad_serves_others();
}

// The eventfd that ends the engine's sleep is shared: full, emptied, blocking, closed, it must not
// keep the engine from anybody else.
TEST_F(HostileProgram, AbusesItsWakeUpDescriptor) {
  auto welcome = ask(ControlKind::kHello);
  ASSERT_TRUE(welcome && welcome->descriptors.size() == 2);
  const int wake = welcome->descriptors[1].get();
  ASSERT_EQ(::fcntl(wake, F_SETFL, 0), 0) << "blocking from now on, for all who share it";
  const std::uint64_t nearly_full = ~std::uint64_t{0} - 1;
  ASSERT_EQ(::write(wake, &nearly_full, sizeof(nearly_full)), 8);
  expect_homad_serves_others();
  std::uint64_t count = 0;
  ASSERT_EQ(::read(wake, &count, sizeof(count)), 8);
  expect_homad_serves_others();
  EXPECT_EQ(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, welcome->descriptors[0].get(), 0),
      MAP_FAILED)
      << "the engine's state is for reading only";
}

TEST_F(HostileProgram, AsksWithoutReadingAnswers) {
  ControlHead head;
  head.kind = ControlKind::kCounters;
  for (int i = 0; i < 500; ++i) {
    if (!channel::send_control(socket_.get(), head)) std::this_thread::sleep_for(1ms);
  }
  EXPECT_TRUE(eventually([&] {
    return homad_.log().find("it does not read answers") != std::string::npos;
  })) << homad_.log();
  expect_homad_serves_others();
}

TEST_F(HostileProgram, ConnectsWithoutEnd) {
  std::vector<base::Descriptor> sockets;
  for (int i = 0; i < 400; ++i) sockets.push_back(connect());
  EXPECT_TRUE(
      eventually([&] { return homad_.log().find("programs attached") != std::string::npos; }));
  sockets.clear();
  EXPECT_TRUE(eventually([&] { return homad_.descriptors() < 100; }));
  expect_homad_serves_others();
}

}  // namespace
}  // namespace homa::testing
