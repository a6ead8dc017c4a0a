// A server and a client as they are written for the kernel module, on two hosts:
//
//   kernel_interface_remote serve FAMILY PORT     4 or 6; "ready" on standard output when it
//   serves,
//                                                 or the sentence that says why it cannot
//   REMOTE=ADDRESS:PORT kernel_interface_remote   calls that server; a test, by its exit code
//
// The server answers each request with its own bytes, by two threads.
#include <cstdlib>
#include <iostream>
#include <set>
#include <string_view>
#include <thread>

#include "interface.h"

namespace homa::testing {
namespace {

constexpr Outcome kOk{0, 0};

Place remote() {
  const char* const text = std::getenv("REMOTE");
  const std::string_view all = text == nullptr ? "" : text;
  const std::size_t colon = all.rfind(':');
  if (colon == std::string_view::npos) return {};
  const std::string host(all.substr(0, colon));
  const bool v6 = host.find(':') != std::string::npos;
  const auto port = static_cast<std::uint16_t>(std::atoi(all.data() + colon + 1));
  Place place = Place::of(v6 ? AF_INET6 : AF_INET, port);
  void* const at =
      v6 ? static_cast<void*>(&reinterpret_cast<sockaddr_in6*>(&place.storage)->sin6_addr)
         : &reinterpret_cast<sockaddr_in*>(&place.storage)->sin_addr;
  return ::inet_pton(place.storage.ss_family, host.c_str(), at) == 1 ? place : Place{};
}

class Remote : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(server_.length, 0U) << "REMOTE=ADDRESS:PORT names the server";
    ASSERT_EQ(client_.give_memory(), kOk);
  }
  std::uint64_t request(const std::string& text, std::uint64_t cookie = 0, unsigned flags = 0) {
    homa_sendmsg_args args{0, cookie, flags, 0};
    EXPECT_EQ(client_.send(server_, text, args), kOk);
    return args.id;
  }

  Place server_ = remote();
  HomaSocket client_{server_.length == 0 ? AF_INET : server_.storage.ss_family};
};

TEST_F(Remote, MessagesOfEveryLengthComeBack) {
  for (const std::size_t length :
       {1U, 100U, 1'400U, 1'500U, 10'000U, 65'536U, 65'537U, 500'000U, 1'000'000U}) {
    const std::string text = pattern(length, length);
    const std::uint64_t id = request(text, length);
    const auto response = client_.receive();
    ASSERT_EQ(response.outcome.result, static_cast<long>(length));
    EXPECT_EQ(response.text, text);
    EXPECT_EQ(response.args.id, id);
    EXPECT_EQ(response.args.completion_cookie, length);
    EXPECT_EQ(response.from.length, server_.length);
    EXPECT_EQ(std::memcmp(&response.from.storage, &server_.storage, server_.length), 0);
  }
}

TEST_F(Remote, ManyAtOnceEachComeBackOnce) {
  constexpr std::uint64_t kCount = 200;
  for (std::uint64_t i = 1; i <= kCount; ++i) request(pattern(1 + i * 137, i), i);
  std::set<std::uint64_t> cookies;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const auto response = client_.receive();
    ASSERT_GT(response.outcome.result, 0) << std::strerror(response.outcome.error);
    const std::uint64_t cookie = response.args.completion_cookie;
    EXPECT_EQ(response.text, pattern(1 + cookie * 137, cookie));
    EXPECT_TRUE(cookies.insert(cookie).second);
  }
  EXPECT_EQ(cookies.size(), kCount);
}

TEST_F(Remote, PrivateResponsesComeToTheirThreads) {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      std::vector<std::uint32_t> back;
      for (unsigned round = 0; round < 20; ++round) {
        const std::string text = pattern(100 + i * 7'000, i * 100 + round);
        const std::uint64_t id = request(text, 0, HOMA_SENDMSG_PRIVATE);
        const auto response = client_.receive_keeping(id, 0, back);
        EXPECT_EQ(response.text, text);
        back.assign(response.args.bpage_offsets,
                    response.args.bpage_offsets + response.args.num_bpages);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(Remote, APortWithoutAServerSaysSo) {
  Place other = server_;
  auto& port = other.storage.ss_family == AF_INET
                   ? reinterpret_cast<sockaddr_in*>(&other.storage)->sin_port
                   : reinterpret_cast<sockaddr_in6*>(&other.storage)->sin6_port;
  port = htons(4999);
  homa_sendmsg_args args{};
  EXPECT_EQ(client_.send(other, "x", args), kOk);
  EXPECT_EQ(client_.receive().outcome, failed(ENOTCONN));
}

int serve(int family, std::uint16_t port) {
  HomaSocket server(family);
  if (server.give_memory() != kOk || server.bind(port) != kOk) {
    std::cout << server.info().error_msg << std::endl;
    return 1;
  }
  const auto answer = [&server] {
    std::vector<std::uint32_t> back;
    for (;;) {
      const auto request = server.receive_keeping(0, 0, back);
      if (request.outcome.result < 0) return;
      if (server.respond(request, request.text) != kOk) return;
      back.assign(request.args.bpage_offsets, request.args.bpage_offsets + request.args.num_bpages);
    }
  };
  std::thread second(answer);
  std::cout << "ready" << std::endl;
  answer();
  second.join();
  return 0;
}

}  // namespace
}  // namespace homa::testing

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "serve") {
    return homa::testing::serve(argv[2][0] == '6' ? AF_INET6 : AF_INET,
                                static_cast<std::uint16_t>(std::atoi(argv[3])));
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
