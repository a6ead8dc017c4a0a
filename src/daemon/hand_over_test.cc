#include "daemon/hand_over.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "channel/control.h"
#include "daemon/control_server.h"

namespace homa::daemon {
namespace {

constexpr Time kStart{std::chrono::seconds(1)};

TEST(Leaving, WaitsForWhatIsInProgress) {
  Leaving leaving(kStart);
  EXPECT_FALSE(leaving.may_leave(kStart, true));
  const Time ended = kStart + 3 * Leaving::kQuiet;
  EXPECT_FALSE(leaving.may_leave(ended, true));
  EXPECT_FALSE(leaving.may_leave(ended + Leaving::kQuiet / 2, false));
  EXPECT_TRUE(leaving.may_leave(ended + Leaving::kQuiet, false));
}

TEST(Leaving, DoesNotWaitForEver) {
  Leaving leaving(kStart);
  EXPECT_FALSE(leaving.may_leave(kStart + Leaving::kAtMost - Duration(1), true));
  EXPECT_TRUE(leaving.may_leave(kStart + Leaving::kAtMost, true));
}

class HandOver : public ::testing::Test {
 protected:
  HandOver() {
    char folder[] = "/tmp/hand-over-XXXXXX";
    folder_ = ::mkdtemp(folder);
  }
  ~HandOver() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ + "/socket"; }
  static ino_t file_of(int descriptor) {
    struct stat found {};
    EXPECT_EQ(::fstat(descriptor, &found), 0);
    return found.st_ino;
  }

  std::string folder_;
};

TEST_F(HandOver, NobodyIsThere) {
  const auto left = take_over(path());
  ASSERT_TRUE(left) << left.error().text;
  EXPECT_FALSE(*left);
}

TEST_F(HandOver, PassesTheSocketsOn) {
  const Listener listener = listen_at(path()).value();
  const base::Descriptor packets(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  for (const int with : {packets.get(), -1}) {
    std::thread former([&] {
      base::Descriptor connection;
      while (!connection.valid()) {
        connection =
            base::Descriptor(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
      }
      // One that is closed with the request unread would lose the answer.
      pollfd asked{connection.get(), POLLIN, 0};
      EXPECT_EQ(::poll(&asked, 1, 10'000), 1);
      EXPECT_TRUE(channel::receive_control(connection.get()));
      EXPECT_TRUE(hand_over(connection.get(), listener, with));
    });
    const auto left = take_over(path());
    former.join();
    ASSERT_TRUE(left) << left.error().text;
    EXPECT_EQ(file_of((*left)->listener.socket.get()), file_of(listener.socket.get()));
    EXPECT_EQ(file_of((*left)->listener.lock.get()), file_of(listener.lock.get()));
    EXPECT_EQ((*left)->packets.valid(), with >= 0);
  }
}

TEST_F(HandOver, OneThatEndsInsteadIsAnError) {
  Listener listener = listen_at(path()).value();
  std::thread former([&] {
    base::Descriptor connection;
    while (!connection.valid()) {
      connection =
          base::Descriptor(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }
  });
  const auto left = take_over(path());
  former.join();
  EXPECT_FALSE(left);
}

}  // namespace
}  // namespace homa::daemon
