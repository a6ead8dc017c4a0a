// Receiving as programs of the module's project do.
#include "receiver.h"

#include "interface.h"

namespace homa::testing {
namespace {

constexpr Outcome kOk{0, 0};

class Receiving : public Interface {
 protected:
  Outcome respond(const Receiver& request, const std::string& text) {
    Place to;
    std::memcpy(&to.storage, request.src_addr(), sizeof(to.storage));
    to.length = GetParam() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    homa_sendmsg_args args{request.id(), 0, 0, 0};
    return server_.send(to, text, args);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, Receiving, both_families(), family_name);

TEST_P(Receiving, TellsWhatCame) {
  Receiver requests(server_.fd(), server_.memory());
  Receiver responses(client_.fd(), client_.memory());
  EXPECT_EQ(requests.id(), 0U);
  EXPECT_LT(requests.length(), 0);
  const std::uint64_t id = client_.request(kPort, "question", 77);
  ASSERT_EQ(requests.receive(0, 0), 8);
  EXPECT_TRUE(requests.is_request());
  ASSERT_EQ(respond(requests, "the answer"), kOk);
  ASSERT_EQ(responses.receive(0, 0), 10);
  EXPECT_FALSE(responses.is_request());
  EXPECT_EQ(responses.id(), id);
  EXPECT_EQ(responses.completion_cookie(), 77U);
  EXPECT_EQ(responses.src_addr()->sa_family, GetParam());
  EXPECT_EQ(responses.receive(MSG_DONTWAIT, 0), -1);
  EXPECT_EQ(responses.id(), 0U);
}

TEST_P(Receiving, ObjectsMayLieInTwoBpages) {
  const std::string text = pattern(3 * HOMA_BPAGE_SIZE + 100, 5);
  client_.request(kPort, text);
  Receiver received(server_.fd(), server_.memory());
  ASSERT_EQ(received.receive(0, 0), static_cast<ssize_t>(text.size()));
  for (std::size_t offset = 0; offset + sizeof(std::uint64_t) <= text.size(); offset += 4) {
    std::uint64_t expected = 0, storage = 0;
    std::memcpy(&expected, &text[offset], sizeof(expected));
    const auto* const found = received.get<std::uint64_t>(offset, &storage);
    ASSERT_NE(found, nullptr) << offset;
    ASSERT_EQ(std::memcmp(found, &expected, sizeof(expected)), 0) << offset;
  }
  EXPECT_EQ(received.contiguous(text.size() - 1), 1U);
  EXPECT_EQ(received.contiguous(text.size()), 0U);
  EXPECT_EQ(received.get<std::uint64_t>(text.size() - 7), nullptr);
  std::string copy(text.size(), '\0');
  received.copy_out(copy.data(), 0, copy.size());
  EXPECT_EQ(copy, text);
}

TEST_P(Receiving, TheMemoryOfAnyNumberOfMessagesComesBack) {
  const std::string text = pattern(1'000'000, 9);
  const std::uint64_t free = server_.info().bpool_avail_bytes;
  {
    Receiver requests(server_.fd(), server_.memory());
    Receiver responses(client_.fd(), client_.memory());
    for (int i = 0; i < 30; ++i) {
      const std::uint64_t id = client_.request(kPort, text, 0, HOMA_SENDMSG_PRIVATE);
      ASSERT_EQ(requests.receive(0, 0), 1'000'000) << server_.info().error_msg;
      ASSERT_EQ(respond(requests, "done"), kOk);
      ASSERT_EQ(responses.receive(0, id), 4);
    }
    requests.release();
    EXPECT_EQ(server_.info().bpool_avail_bytes, free);
  }
  EXPECT_EQ(client_.info().num_rpcs, 0U);
}

}  // namespace
}  // namespace homa::testing
