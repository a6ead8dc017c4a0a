#include "io/receive_buffers.h"

#include <gtest/gtest.h>

namespace homa::io {
namespace {

TEST(ReceiveBuffers, ABufferIsFreeAgainAfterItsLastFrame) {
  ReceiveBuffers buffers = std::move(*ReceiveBuffers::create());
  const std::uint32_t first = buffers.take();
  buffers.set_frames(first, 2);
  buffers.release_frame(first);
  EXPECT_NE(buffers.take(), first);
  buffers.release_frame(first);
  EXPECT_EQ(buffers.take(), first);  // last freed, first used
}

TEST(ReceiveBuffers, AreFiniteAndDoNotOverlap) {
  ReceiveBuffers buffers = std::move(*ReceiveBuffers::create());
  for (std::uint32_t i = 0; i < ReceiveBuffers::kBuffers; ++i) {
    ASSERT_FALSE(buffers.empty());
    EXPECT_EQ(buffers.at(buffers.take()), buffers.at(0) + i * ReceiveBuffers::kBufferBytes);
  }
  EXPECT_TRUE(buffers.empty());
}

TEST(ReceiveBuffers, MoveWithAllThatIsInUse) {
  ReceiveBuffers first = std::move(*ReceiveBuffers::create());
  const std::uint32_t used = first.take();
  first.set_frames(used, 1);
  ReceiveBuffers second;
  EXPECT_TRUE(second.empty());
  second = std::move(first);
  second.release_frame(used);
  EXPECT_EQ(second.take(), used);
}

TEST(ReceiveBuffersDeathTest, AFrameReleasedTwiceIsOurBug) {
  ReceiveBuffers buffers = std::move(*ReceiveBuffers::create());
  const std::uint32_t buffer = buffers.take();
  buffers.set_frames(buffer, 1);
  buffers.release_frame(buffer);
  EXPECT_DEATH(buffers.release_frame(buffer), "frames_");
}

}  // namespace
}  // namespace homa::io
