#include "tools/options/message_content.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

std::vector<int> read(const std::string& text) {
  std::vector<int> values;
  const auto bytes = MessageContent::parse_hex(text);
  if (!bytes) return values;
  for (const std::byte byte : *bytes) values.push_back(static_cast<int>(byte));
  return values;
}

TEST(MessageContent, ReadsHexadecimalBytes) {
  EXPECT_EQ(read("0001fF"), (std::vector{0, 1, 255}));
  EXPECT_EQ(read("0x00 01 ff"), (std::vector{0, 1, 255}));
  for (const char* text : {"", "0x", "0", "012", "0 1", "gg", "-1"})
    EXPECT_TRUE(read(text).empty());
}

TEST(MessageContent, APrefixIsCutOffByAShortMessageAndFilledUpInALongOne) {
  CLI::App app;
  MessageContent content;
  content.add_to(app);
  app.parse(std::vector<std::string>{"0102", "--prefix"});
  EXPECT_EQ(content.message(1), (std::vector{std::byte{1}}));
  EXPECT_EQ(content.message(4),
            (std::vector{std::byte{1}, std::byte{2}, std::byte{'p'}, std::byte{'p'}}));
  EXPECT_EQ(MessageContent().message(2), (std::vector{std::byte{'p'}, std::byte{'p'}}));
}

}  // namespace
}  // namespace homa::tools
