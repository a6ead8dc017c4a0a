#include "channel/signal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace homa::channel {
namespace {

class SignalTest : public ::testing::Test {
 protected:
  bool readable() const {
    pollfd polled{signal_.reader(), POLLIN, 0};
    return ::poll(&polled, 1, 0) == 1;
  }

  Signal signal_ = Signal::create().value();
};

TEST_F(SignalTest, IsReadableFromRaiseToClear) {
  EXPECT_FALSE(readable());
  EXPECT_FALSE(signal_.clear());
  signal_.raise();
  signal_.raise();
  EXPECT_TRUE(readable());
  EXPECT_TRUE(signal_.clear());
  EXPECT_FALSE(readable());
}

TEST_F(SignalTest, IsWritableButFromBlockToUnblock) {
  const auto writable = [&] {
    pollfd polled{signal_.reader(), POLLOUT, 0};
    return ::poll(&polled, 1, 0) == 1;
  };
  EXPECT_TRUE(writable());
  for (int i = 0; i < 2; ++i) {
    signal_.block();
    EXPECT_FALSE(writable());
    signal_.block();  // again, which changes nothing
    signal_.raise();
    EXPECT_TRUE(readable()) << "the one has nothing to do with the other";
    EXPECT_TRUE(signal_.clear());
    EXPECT_FALSE(writable());
    signal_.unblock();
    EXPECT_TRUE(writable());
    EXPECT_FALSE(readable());
  }
}

// None of these may block: the test would hang.
TEST_F(SignalTest, ItsReaderCannotMakeItBlock) {
  ASSERT_EQ(::fcntl(signal_.reader(), F_SETFL, 0), 0) << "a blocking descriptor from now on";
  EXPECT_FALSE(signal_.clear());
  for (int i = 0; i < 10'000; ++i) signal_.raise();  // more than the queue holds
  EXPECT_TRUE(readable());
  EXPECT_TRUE(signal_.clear());

  std::array<char, 64> bytes{};
  signal_.raise();
  ASSERT_EQ(::read(signal_.reader(), bytes.data(), bytes.size()), 1);
  EXPECT_FALSE(signal_.clear()) << "the reader took it";

  ASSERT_EQ(::fcntl(signal_.reader(), F_SETFL, O_NONBLOCK), 0);
  while (::write(signal_.reader(), bytes.data(), bytes.size()) > 0) continue;
  signal_.raise();
  EXPECT_TRUE(readable());
  EXPECT_TRUE(signal_.clear());

  ASSERT_EQ(::shutdown(signal_.reader(), SHUT_RDWR), 0);
  signal_.raise();
  EXPECT_FALSE(signal_.clear());
}

}  // namespace
}  // namespace homa::channel
