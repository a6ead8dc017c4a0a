// Sockets whose messages lie in memory of the application's (Host::client_with_own_memory).
#include <sys/mman.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "base/mapping.h"
#include "hosts.h"

namespace homa {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::bytes_of;
using testing::loopback_config;
using testing::open_host;

constexpr std::uint64_t kMemory = 4 << 20;

class OwnMemoryTest : public ::testing::Test {
 protected:
  static bool lies_in(const Message& message, std::span<const std::byte> memory) {
    return message.bytes().data() >= memory.data() &&
           message.bytes().data() + message.size() <= memory.data() + memory.size();
  }
  SocketAddress place() const { return {host_.address(), 4000}; }

  base::Mapping memory_ = base::Mapping::create(kMemory).value();
  base::Mapping other_memory_ = base::Mapping::create(kMemory).value();
  Host host_ = open_host(loopback_config());
  Socket server_ = host_.client_with_own_memory().value();
  Socket client_ = host_.client_with_own_memory().value();
};

TEST_F(OwnMemoryTest, MessagesOfEachSocketLieInItsOwn) {
  ASSERT_TRUE(server_.give_memory(memory_.bytes()));
  ASSERT_TRUE(client_.give_memory(other_memory_.bytes()));
  ASSERT_TRUE(server_.bind(4000));
  const std::string text(900'000, 'x');
  for (int i = 0; i < 20; ++i) {
    const auto rpc = client_.send(place(), bytes_of(text));
    ASSERT_TRUE(rpc);
    const auto request = server_.receive(5s);
    ASSERT_TRUE(request) << request.error().text;
    EXPECT_TRUE(lies_in(*request, memory_.bytes()));
    ASSERT_TRUE(server_.reply(request->rpc(), request->bytes()));
    const auto response = client_.receive(5s);
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_TRUE(lies_in(*response, other_memory_.bytes()));
    EXPECT_EQ(std::memcmp(response->bytes().data(), text.data(), text.size()), 0);
  }
}

TEST_F(OwnMemoryTest, MessagesWaitUntilItIsGiven) {
  ASSERT_TRUE(client_.give_memory(other_memory_.bytes()));
  ASSERT_TRUE(server_.bind(4000));
  const std::string text(100'000, 'x');
  ASSERT_TRUE(client_.send(place(), bytes_of("short")));
  ASSERT_TRUE(client_.send(place(), bytes_of(text)));
  EXPECT_EQ(server_.receive(50ms).error().code, ErrorCode::kWouldBlock);
  ASSERT_TRUE(server_.give_memory(memory_.bytes()));
  for (int i = 0; i < 2; ++i) {
    const auto request = server_.receive(5s);
    ASSERT_TRUE(request) << request.error().text;
    EXPECT_TRUE(lies_in(*request, memory_.bytes()));
  }
}

TEST_F(OwnMemoryTest, ItIsGivenOnceAndIsLargeEnough) {
  EXPECT_EQ(client_.give_memory(memory_.bytes().first(1000)).error().code,
            ErrorCode::kInvalidArgument);
  ASSERT_TRUE(client_.give_memory(memory_.bytes()));
  EXPECT_EQ(client_.give_memory(other_memory_.bytes()).error().code, ErrorCode::kInvalidArgument);
  Socket ordinary = host_.client().value();
  EXPECT_EQ(ordinary.give_memory(other_memory_.bytes()).error().code, ErrorCode::kInvalidArgument);
}

// A long message is under way to a socket that is closed: its memory may go at once.
TEST_F(OwnMemoryTest, ItMayBeUnmappedOnceTheSocketIsClosed) {
  ASSERT_TRUE(server_.bind(4000));
  ASSERT_TRUE(client_.give_memory(other_memory_.bytes()));
  const std::string text(900'000, 'x');
  for (int i = 0; i < 30; ++i) {
    Socket target = host_.client_with_own_memory().value();
    auto memory = base::Mapping::create(kMemory).value();
    ASSERT_TRUE(target.give_memory(memory.bytes()));
    ASSERT_TRUE(target.bind(4001));
    for (int j = 0; j < 3; ++j) {
      ASSERT_TRUE(client_.send({host_.address(), 4001}, bytes_of(text)));
    }
    while (host_.poll() == 0 && i % 2 == 0) {
    }
    target.close();
    memory = base::Mapping();
  }
  ASSERT_TRUE(server_.give_memory(memory_.bytes()));
  ASSERT_TRUE(client_.send(place(), bytes_of("still there")));
  EXPECT_TRUE(server_.receive(5s));
}

TEST_F(OwnMemoryTest, SocketsComeAndGoByTheThousand) {
  for (int i = 0; i < 3'000; ++i) {
    Socket one = host_.client_with_own_memory().value();
    ASSERT_TRUE(one.is_open());
    if (i % 3 == 0) {
      ASSERT_TRUE(one.give_memory(memory_.bytes()));
    }
  }
}

}  // namespace
}  // namespace homa
