// Programs that do not keep to the protocol, or share memory that would hurt homad.
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>

#include "daemon/homad.h"
#include "daemon/raw_program.h"
#include "endtoend/hosts.h"

namespace homa::testing {
namespace {

using channel::ControlHead;
using channel::ControlKind;

class HostileProgram : public ::testing::Test {
 protected:
  void expect_refused(const std::optional<channel::ControlMessage>& answer,
                      const std::string& why) {
    if (!answer) return ADD_FAILURE() << "closed without a word";
    EXPECT_EQ(answer->head.kind, ControlKind::kRefused);
    EXPECT_NE(answer->text.find(why), std::string::npos) << answer->text;
  }
  void expect_closed() {
    pollfd waiting{program_.socket(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
    EXPECT_EQ(channel::receive_control(program_.socket()).error().code, ErrorCode::kClosed);
  }
  void expect_memory_refused(int doorbell, int receive, const std::string& why) {
    program_.reconnect();
    program_.ask(ControlKind::kHello);
    const std::array<int, 2> both{doorbell, receive};
    expect_refused(program_.ask(ControlKind::kMemory, both), why);
    expect_closed();
  }
  void expect_homad_serves_others() {
    Host host = open_host(homad_.client_config());
    EchoServer server(host, 4000);
    Socket client = host.client().value();
    EXPECT_TRUE(client.call(server.address(), bytes_of("well?"), 20s)) << homad_.log();
  }

  Homad homad_;
  RawProgram program_{homad_.socket()};
};

TEST_F(HostileProgram, SharesMemoryThatHomadDoesNotTake) {
  const int good_bell = program_.doorbell_memory().descriptor();
  const int good_memory = program_.receive_memory().descriptor();
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
  expect_refused(program_.ask(ControlKind::kOpen), "at the wrong time");
  expect_refused(program_.ask(ControlKind::kSignal), "for no channel");
  expect_refused(program_.ask(ControlKind::kPort, {}, 4000), "for no channel");
  const std::array<int, 2> both{program_.doorbell_memory().descriptor(),
                                program_.receive_memory().descriptor()};
  expect_refused(program_.ask(ControlKind::kMemory, both), "at the wrong time");
  expect_closed();
  program_.reconnect();
  ASSERT_TRUE(program_.attach());
  expect_refused(program_.ask(ControlKind::kHello), "hello twice");
  expect_refused(program_.ask(ControlKind::kWelcome), "do not send this");
  expect_closed();
  program_.reconnect();
  ASSERT_EQ(::send(program_.socket(), "GET / HTTP/1.1", 14, 0), 14);
  expect_refused(program_.next_answer(), "not the protocol");
  expect_homad_serves_others();
}

TEST_F(HostileProgram, PassesChannelsThatAreNone) {
  ASSERT_TRUE(program_.attach());
  const std::array<int, 1> no_channel{program_.receive_memory().descriptor()};
  expect_refused(program_.ask(ControlKind::kOpen, no_channel), "holds no channel");
  auto region = channel::Region::create_shared({}).value();
  const std::array<int, 1> channel{region->memory().descriptor()};
  expect_refused(program_.ask(ControlKind::kOpen, channel, 40'000), "servers have ports");
  region->header().layout.transmit_bytes += 4096;
  expect_refused(program_.ask(ControlKind::kOpen, channel), "header is broken");
  expect_homad_serves_others();
}

// The eventfd that ends the engine's sleep is shared: full, emptied, blocking, closed, it must not
// keep the engine from anybody else.
TEST_F(HostileProgram, AbusesItsWakeUpDescriptor) {
  auto welcome = program_.ask(ControlKind::kHello);
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
    if (!channel::send_control(program_.socket(), head)) std::this_thread::sleep_for(1ms);
  }
  EXPECT_TRUE(eventually([&] {
    return homad_.log().find("it does not read answers") != std::string::npos;
  })) << homad_.log();
  expect_homad_serves_others();
}

TEST_F(HostileProgram, ConnectsWithoutEnd) {
  std::vector<std::unique_ptr<RawProgram>> programs;
  for (int i = 0; i < 400; ++i) {
    programs.push_back(std::make_unique<RawProgram>(homad_.socket()));
  }
  EXPECT_TRUE(
      eventually([&] { return homad_.log().find("programs attached") != std::string::npos; }));
  programs.clear();
  EXPECT_TRUE(eventually([&] { return homad_.descriptors() < 100; }));
  expect_homad_serves_others();
}

}  // namespace
}  // namespace homa::testing
