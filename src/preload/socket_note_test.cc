#include "preload/socket_note.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace homa::preload {
namespace {

class SocketNoteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends_.data()), 0);
  }
  void TearDown() override {
    for (const int end : ends_) ::close(end);
  }
  std::array<int, 2> ends_{};
};

TEST_F(SocketNoteTest, SaysWhatWasWritten) {
  for (const SocketNote& note :
       {SocketNote{AF_INET, 0, false, false}, SocketNote{AF_INET6, 0x7fff, true, true},
        SocketNote{AF_INET6, 1, false, true}, SocketNote{AF_INET, 0xffff, true, false}}) {
    write_note(ends_[0], note);
    EXPECT_EQ(read_note(ends_[0]), note);
    const int copy = ::dup(ends_[0]);
    EXPECT_EQ(read_note(copy), note);
    ::close(copy);
  }
}

TEST_F(SocketNoteTest, OtherDescriptorsSayNothing) {
  EXPECT_FALSE(read_note(ends_[0]));
  EXPECT_FALSE(read_note(STDIN_FILENO));
  EXPECT_FALSE(read_note(-1));
  const int udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  write_note(udp, {AF_INET, 4000, false, true});
  EXPECT_FALSE(read_note(udp)) << "a program's own paced socket";
  ::close(udp);
}

}  // namespace
}  // namespace homa::preload
