#include "rpc/target.h"

#include <gtest/gtest.h>

#include <fstream>

namespace homa::rpc {
namespace {

std::string text_of(std::string_view target) {
  const auto servers = resolve_target(target);
  if (!servers) {
    EXPECT_EQ(servers.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(servers.error().text.find("file:///PATH"), std::string::npos) << "says what is right";
    return "wrong";
  }
  std::string text;
  for (const SocketAddress& server : *servers) text += server.to_string() + " ";
  return text;
}

TEST(Target, NamesOneServerOrAList) {
  EXPECT_EQ(text_of("10.0.0.1:4000"), "10.0.0.1:4000 ");
  EXPECT_EQ(text_of("list:10.0.0.1:4000, [fd00::1]:4001,10.0.0.2%7000:4000"),
            "10.0.0.1:4000 [fd00::1]:4001 10.0.0.2%7000:4000 ");
}

TEST(Target, AFileHasAnAddressALine) {
  const std::string path = testing::TempDir() + "homa_target_test";
  std::ofstream(path) << "# servers\n10.0.0.1:4000\n\n  10.0.0.2:4000  # the second\n";
  EXPECT_EQ(text_of("file://" + path), "10.0.0.1:4000 10.0.0.2:4000 ");
  std::ofstream(path) << "10.0.0.1:4000\nnonsense\n";
  EXPECT_EQ(text_of("file://" + path), "wrong");
  std::ofstream(path) << "# nobody\n";
  EXPECT_EQ(text_of("file://" + path), "wrong");
}

TEST(Target, AllAddressesOfAName) {
  const std::string localhost = text_of("dns:///localhost:4000");
  EXPECT_NE(localhost.find("127.0.0.1:4000 "), std::string::npos) << localhost;
}

TEST(Target, WhatIsWrongIsSaid) {
  for (const char* target :
       {"", "list:", "10.0.0.1", "list:10.0.0.1:4000,,", "10.0.0.1:x", "dns:///:4000",
        "dns:///localhost", "dns:///no.such.name.invalid:4000", "file:///no/such/file"}) {
    EXPECT_EQ(text_of(target), "wrong") << target;
  }
}

}  // namespace
}  // namespace homa::rpc
