#include "tools/options/server_address.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

std::string parsed(const std::string& text) {
  const auto server = parse_server(text);
  return server ? server->to_string() : server.error().text;
}

TEST(ServerAddress, APortMayBeLeftOut) {
  EXPECT_EQ(parsed("10.0.0.1:80"), "10.0.0.1:80");
  EXPECT_EQ(parsed("10.0.0.1"), "10.0.0.1:4000");
  EXPECT_EQ(parsed("10.0.0.1%7000"), "10.0.0.1%7000:4000");
  EXPECT_EQ(parsed("10.0.0.1%7000:80"), "10.0.0.1%7000:80");
}

TEST(ServerAddress, Ipv6HasBracketsWhereAPortFollows) {
  EXPECT_EQ(parsed("[fd77::1]:80"), "[fd77::1]:80");
  EXPECT_EQ(parsed("[fd77::1]"), "[fd77::1]:4000");
  EXPECT_EQ(parsed("fd77::1"), "[fd77::1]:4000");
  EXPECT_EQ(parsed("::1"), "[::1]:4000");
  EXPECT_EQ(parsed("fd77::1%7000"), "[fd77::1]%7000:4000");
}

TEST(ServerAddress, APortThatIsNoServersIsRefusedAndNamed) {
  for (const char* text : {"10.0.0.1:0", "10.0.0.1:32768", "10.0.0.1:65535", "10.0.0.1:99999",
                           "10.0.0.1:", "10.0.0.1:http", "10.0.0.1:-1"}) {
    const auto server = parse_server(text);
    ASSERT_FALSE(server) << text;
    EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(server.error().text.find(text), std::string::npos) << server.error().text;
    EXPECT_NE(server.error().text.find("port"), std::string::npos) << server.error().text;
  }
  EXPECT_FALSE(parse_server(""));
  EXPECT_FALSE(parse_server(":4000"));
}

}  // namespace
}  // namespace homa::tools
