#include "io/xdp_options.h"

#include <gmock/gmock.h>

namespace homa::io {
namespace {

TEST(XdpOptions, EveryOptionIsRead) {
  const auto options = parse_xdp_options(
      "xdp:format=146,mode=generic,copy=zerocopy,queues=3,ring=512,wakeup=off,busy-poll=20");
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->carrier, Carrier::kIp);
  EXPECT_EQ(options->mode, XdpMode::kGeneric);
  EXPECT_EQ(options->copy, XdpRingsConfig::Copy::kZeroCopy);
  EXPECT_EQ(options->queues, 3U);
  EXPECT_EQ(options->ring, 512U);
  EXPECT_FALSE(options->need_wakeup);
  EXPECT_EQ(options->busy_poll_usecs, 20U);
}

TEST(XdpOptions, NoneAreNeeded) {
  const auto options = parse_xdp_options("xdp");
  ASSERT_TRUE(options);
  EXPECT_EQ(options->carrier, Carrier::kUdp);
  EXPECT_EQ(options->mode, XdpMode::kAuto);
}

TEST(XdpOptions, WhatIsNoOptionIsNamed) {
  for (const char* wrong : {"queues=65", "queues=", "ring=100", "mode=fast", "colour=red", "queues",
                            "busy-poll=10001", "ring=64x"}) {
    const auto options = parse_xdp_options("xdp:copy=copy," + std::string(wrong));
    ASSERT_FALSE(options) << wrong;
    EXPECT_THAT(options.error().text, ::testing::HasSubstr(wrong));
  }
}

}  // namespace
}  // namespace homa::io
