#include "io/netlink.h"

#include <gtest/gtest.h>
#include <net/if.h>

#include <string>

namespace homa::io {
namespace {

ifinfomsg link_body(unsigned index) {
  ifinfomsg body{};
  body.ifi_family = AF_UNSPEC;
  body.ifi_index = static_cast<int>(index);
  return body;
}

TEST(Netlink, OneQuestionHasOneAnswerWithItsAttributes) {
  auto socket = NetlinkSocket::open();
  ASSERT_TRUE(socket) << socket.error().text;
  const unsigned loopback = if_nametoindex("lo");
  NetlinkRequest request(RTM_GETLINK, 0, link_body(loopback));
  std::string name;
  int answers = 0;
  EXPECT_TRUE(socket->ask(request, [&](const nlmsghdr& message) {
    const auto* body = netlink_body<ifinfomsg>(message);
    ASSERT_NE(body, nullptr);
    EXPECT_EQ(static_cast<unsigned>(body->ifi_index), loopback);
    const NetlinkAttributes attributes(message, sizeof *body);
    name = attributes.text(IFLA_IFNAME);
    EXPECT_GT(attributes.value<std::uint32_t>(IFLA_MTU), 0U);
    EXPECT_TRUE(attributes.bytes(IFLA_MASTER).empty());
    EXPECT_TRUE(attributes.bytes(9999).empty());
    ++answers;
  }));
  EXPECT_EQ(name, "lo");
  EXPECT_EQ(answers, 1);
}

TEST(Netlink, ADumpHasAnAnswerPerEntryAndEnds) {
  auto socket = NetlinkSocket::open();
  ASSERT_TRUE(socket);
  for (int round = 0; round < 3; ++round) {  // nothing of one answer is left for the next
    NetlinkRequest request(RTM_GETLINK, NLM_F_DUMP, link_body(0));
    int answers = 0;
    EXPECT_TRUE(socket->ask(request, [&](const nlmsghdr&) { ++answers; }));
    EXPECT_GT(answers, 0);
  }
}

TEST(Netlink, ARefusalIsTold) {
  auto socket = NetlinkSocket::open();
  ASSERT_TRUE(socket);
  NetlinkRequest request(RTM_GETLINK, 0, link_body(0x7ffffff0));
  int answers = 0;
  EXPECT_FALSE(socket->ask(request, [&](const nlmsghdr&) { ++answers; }));
  EXPECT_EQ(answers, 0);
}

TEST(Netlink, NothingHappenedIsNoChange) {
  auto socket = NetlinkSocket::open();  // of no group
  ASSERT_TRUE(socket);
  EXPECT_TRUE(socket->changes([](const nlmsghdr&) { FAIL(); }));
}

TEST(Netlink, ARequestHasABound) {
  NetlinkRequest request(RTM_GETLINK, 0, link_body(0));
  const std::array<std::byte, 300> much{};
  EXPECT_FALSE(request.add(IFLA_IFNAME, much));
  EXPECT_TRUE(request.add(IFLA_IFNAME, std::span(much).first(16)));
}

TEST(Netlink, ABodyThatIsNotThereIsNotRead) {
  nlmsghdr empty{};
  empty.nlmsg_len = sizeof empty;
  EXPECT_EQ(netlink_body<ifinfomsg>(empty), nullptr);
  EXPECT_TRUE(NetlinkAttributes(std::span<const std::byte>()).bytes(1).empty());
}

}  // namespace
}  // namespace homa::io
