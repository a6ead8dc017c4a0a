#include "client/gather.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace homa::client {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// What comes out when `steps` bytes are copied at once.
std::string copied_by(Gather gather, std::size_t steps) {
  std::string text(gather.size(), '?');
  const auto to = std::as_writable_bytes(std::span(text));
  for (std::size_t at = 0; at < to.size(); at += steps) {
    EXPECT_EQ(gather.copied(), at);
    gather.copy_to(to.subspan(at, std::min(steps, to.size() - at)));
  }
  EXPECT_EQ(gather.copied(), gather.size());
  return text;
}

TEST(Gather, OnePieceIsCopiedInAnySteps) {
  for (std::size_t steps = 1; steps <= 6; ++steps) {
    EXPECT_EQ(copied_by(Gather(bytes_of("hello")), steps), "hello");
  }
}

TEST(Gather, PiecesFollowEachOtherAndEmptyOnesCostNothing) {
  const std::array pieces{bytes_of(""),    bytes_of("ab"), bytes_of(""),
                          bytes_of("cde"), bytes_of("f"),  bytes_of("")};
  for (std::size_t steps = 1; steps <= 7; ++steps) {
    EXPECT_EQ(copied_by(Gather(Pieces(pieces)), steps), "abcdef") << steps;
  }
}

TEST(Gather, NoPiecesAreAnEmptyMessage) {
  EXPECT_EQ(Gather(Pieces(nullptr, 0)).size(), 0U);
  EXPECT_EQ(Gather(std::span<const std::byte>{}).size(), 0U);
}

TEST(Gather, ASizeThatDoesNotFitIsTheGreatest) {
  const std::byte byte{};
  const std::span<const std::byte> huge(&byte, std::numeric_limits<std::size_t>::max() - 1);
  const std::array pieces{huge, huge};
  EXPECT_EQ(Gather(Pieces(pieces)).size(), std::numeric_limits<std::size_t>::max());
}

}  // namespace
}  // namespace homa::client
