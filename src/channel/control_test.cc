#include "channel/control.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/local_socket.h"

namespace homa::channel {
namespace {

class ControlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    a_ = base::Descriptor(ends[0]);
    b_ = base::Descriptor(ends[1]);
  }
  ErrorCode error_of_next() {
    const auto received = receive_control(b_.get());
    return received ? ErrorCode::kOk : received.error().code;
  }
  void send_raw(const void* bytes, std::size_t length) {
    ASSERT_EQ(::send(a_.get(), bytes, length, 0), static_cast<ssize_t>(length));
  }

  base::Descriptor a_, b_;
};

TEST_F(ControlTest, CarriesFieldsTextAndDescriptors) {
  ControlHead head;
  head.kind = ControlKind::kWelcome;
  head.receive_bytes = 123;
  const std::array<int, 2> descriptors{a_.get(), b_.get()};
  ASSERT_TRUE(send_control(a_.get(), head, "some words", descriptors));
  const auto received = receive_control(b_.get());
  ASSERT_TRUE(received && *received);
  EXPECT_EQ((*received)->head.kind, ControlKind::kWelcome);
  EXPECT_EQ((*received)->head.receive_bytes, 123U);
  EXPECT_EQ((*received)->text, "some words");
  ASSERT_EQ((*received)->descriptors.size(), 2U);
  EXPECT_NE(::fcntl((*received)->descriptors[1].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ControlTest, NothingThereIsNoError) {
  const auto received = receive_control(b_.get());
  ASSERT_TRUE(received);
  EXPECT_FALSE(received->has_value());
}

TEST_F(ControlTest, TheOtherSidesEndIsSeen) {
  a_ = base::Descriptor();
  EXPECT_EQ(error_of_next(), ErrorCode::kClosed);
  EXPECT_EQ(send_control(b_.get(), {}).error().code, ErrorCode::kClosed);
}

TEST_F(ControlTest, LastWordsAreHeardAfterTheOtherSidesEnd) {
  ASSERT_TRUE(send_control(b_.get(), {}, "never read"));
  ASSERT_TRUE(send_control(a_.get(), {}, "last words"));
  a_ = base::Descriptor();
  const auto received = receive_control(b_.get());
  ASSERT_TRUE(received && *received);
  EXPECT_EQ((*received)->text, "last words");
  EXPECT_EQ(error_of_next(), ErrorCode::kClosed);
}

TEST_F(ControlTest, RefusesWhatIsNoMessageOfThisVersion) {
  ControlHead head;
  send_raw(&head, sizeof(head) - 1);
  EXPECT_EQ(error_of_next(), ErrorCode::kInvalidArgument);
  head.magic += 1;
  send_raw(&head, sizeof(head));
  EXPECT_EQ(error_of_next(), ErrorCode::kInvalidArgument);
  head = ControlHead{};
  head.version += 1;
  send_raw(&head, sizeof(head));
  const auto other_version = receive_control(b_.get());
  ASSERT_FALSE(other_version);
  EXPECT_NE(other_version.error().text.find("version 2"), std::string::npos);
  const std::string huge(100'000, 'x');
  std::string message(reinterpret_cast<const char*>(&head), sizeof(head));
  send_raw((message + huge).data(), sizeof(head) + huge.size());
  EXPECT_EQ(error_of_next(), ErrorCode::kInvalidArgument);
}

// Descriptors that nobody asked for must not stay open.
TEST_F(ControlTest, TooManyDescriptorsAreClosed) {
  const int before = ::dup(0);
  ::close(before);
  std::array<int, kControlDescriptorsMax + 2> many{};
  many.fill(a_.get());
  msghdr message{};
  ControlHead head;
  iovec part{&head, sizeof(head)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(many))> ancillary{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  base::attach_descriptors(message, ancillary, many);
  ASSERT_GT(::sendmsg(a_.get(), &message, 0), 0);
  EXPECT_EQ(error_of_next(), ErrorCode::kInvalidArgument);
  const int after = ::dup(0);
  ::close(after);
  EXPECT_EQ(after, before);
}

// None of these may block: the test would hang.
TEST_F(ControlTest, AReaderThatDoesNotReadBlocksNobody) {
  ErrorCode code = ErrorCode::kOk;
  for (int i = 0; i < 10'000 && code == ErrorCode::kOk; ++i) {
    const auto sent = send_control(a_.get(), {}, "words");
    if (!sent) code = sent.error().code;
  }
  EXPECT_EQ(code, ErrorCode::kWouldBlock);
}

}  // namespace
}  // namespace homa::channel
