#include "base/local_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

namespace homa::base {
namespace {

TEST(LocalAddress, HasRoomForItsPathAndAZero) {
  const std::string longest(sizeof(sockaddr_un::sun_path) - 1, 'x');
  const auto address = local_address(longest);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->sun_family, AF_UNIX);
  EXPECT_EQ(std::string(address->sun_path), longest);
  EXPECT_FALSE(local_address(longest + "x"));
}

TEST(PassedDescriptors, AllArrive) {
  std::array<int, 2> ends{}, pipe{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const Descriptor ours(ends[0]), theirs(ends[1]), read_end(pipe[0]), write_end(pipe[1]);
  char byte = 'x';
  iovec bytes{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> room{};
  msghdr sent{};
  sent.msg_iov = &bytes;
  sent.msg_iovlen = 1;
  attach_descriptors(sent, room, pipe);
  ASSERT_EQ(::sendmsg(ours.get(), &sent, 0), 1);

  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> came{};
  msghdr received{};
  received.msg_iov = &bytes;
  received.msg_iovlen = 1;
  received.msg_control = came.data();
  received.msg_controllen = came.size();
  ASSERT_EQ(::recvmsg(theirs.get(), &received, MSG_CMSG_CLOEXEC), 1);
  std::vector<Descriptor> taken;
  take_descriptors(received, [&](Descriptor one) { taken.push_back(std::move(one)); });
  ASSERT_EQ(taken.size(), 2U);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    struct stat passed {
    }, before{};
    ASSERT_EQ(::fstat(taken[i].get(), &passed), 0);
    ASSERT_EQ(::fstat(pipe[i], &before), 0);
    EXPECT_NE(taken[i].get(), pipe[i]);
    EXPECT_EQ(passed.st_ino, before.st_ino);
  }
}

}  // namespace
}  // namespace homa::base
