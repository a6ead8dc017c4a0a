// Hosts that start while others talk to them, and resources that are refused at the start.
#include <chrono>
#include <thread>

#include "hosts.h"

namespace homa::testing {
namespace {

// A server that was restarted hears requests before it has opened its port.
TEST(Start, ACallToAServerThatIsAboutToServeIsAnswered) {
  Host server_host = open_host(loopback_config());
  Host client_host = open_host(loopback_config());
  auto client = client_host.client().value();
  auto request = client.send({server_host.address(), 7}, bytes_of("early"));
  ASSERT_TRUE(request);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const auto at_server = server_host.client().value();  // from now on packets are taken
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  auto server = server_host.serve(7).value();
  const auto received = server.receive(std::chrono::seconds(10));
  ASSERT_TRUE(received) << received.error().text;
  EXPECT_EQ(text_of(*received), "early");
  ASSERT_TRUE(server.reply(received->rpc(), bytes_of("answer")));
  const auto response = client.receive_response(*request, std::chrono::seconds(10));
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->kind(), Message::Kind::kResponse);
}

TEST(Start, TablesThatCannotBeHadAreAnError) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers stop at allocations that fail";
#endif
  HostConfig config = loopback_config();
  config.parameters["finished_ids_max"] = "3000000000";
  config.parameters["peers_max"] = "4000000000";
  const auto host = Host::open(config);
  ASSERT_FALSE(host);
  EXPECT_NE(host.error().text.find("finished_ids_max"), std::string::npos) << host.error().text;
}

}  // namespace
}  // namespace homa::testing
