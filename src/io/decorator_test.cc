// A decorator that changes nothing: every call reaches the inner back end, and its answer comes
// back.
#include "io/decorator.h"

#include <gtest/gtest.h>

namespace homa::io {
namespace {

using namespace std::chrono_literals;

// Answers each call with a number of its own.
class NumberedIo final : public PacketIo {
 public:
  NumberedIo() { capabilities_.packet_bytes_max = 1; }
  std::size_t receive(std::span<RxFrame>) override { return 2; }
  void release(std::span<const RxFrame> frames) override { released = frames.size(); }
  std::size_t send(std::span<const TxFrame>) override { return 3; }
  std::size_t errors(std::span<IoError>) override { return 4; }
  bool wait(std::chrono::nanoseconds at_most, int wake_fd) override {
    return at_most == 5ns && wake_fd == 6;
  }
  void refuse(const RxFrame& frame) override { refused = frame.token; }
  Route route(const Address&) override { return {.device = 10, .own_address = true}; }
  std::optional<std::uint64_t> device_queue_bytes() override { return 7; }
  int transferable_socket() const override { return 12; }
  std::span<const int> descriptors() const override { return descriptors_; }
  const IoCapabilities& capabilities() const override { return capabilities_; }
  IoStatistics statistics() const override { return {.frames_received = 9}; }

  std::size_t released = 0;
  std::uint64_t refused = 0;

 private:
  IoCapabilities capabilities_;
  std::array<int, 8> descriptors_{};
};

TEST(Decorator, PassesEveryCallOn) {
  auto inner = std::make_unique<NumberedIo>();
  NumberedIo& numbered = *inner;
  Decorator decorator(std::move(inner));
  EXPECT_EQ(decorator.capabilities().packet_bytes_max, 1U);
  EXPECT_EQ(decorator.receive({}), 2U);
  const std::array<RxFrame, 10> frames{};
  decorator.release(frames);
  EXPECT_EQ(numbered.released, 10U);
  EXPECT_EQ(decorator.send({}), 3U);
  EXPECT_EQ(decorator.errors({}), 4U);
  EXPECT_TRUE(decorator.wait(5ns, 6));
  RxFrame frame;
  frame.token = 11;
  decorator.refuse(frame);
  EXPECT_EQ(numbered.refused, 11U);
  EXPECT_EQ(decorator.route({}).device, 10U);
  EXPECT_FALSE(decorator.route({}).own_address) << "or packets to ourselves would pass it by";
  EXPECT_EQ(decorator.device_queue_bytes(), 7U);
  EXPECT_EQ(decorator.transferable_socket(), 12);
  EXPECT_EQ(decorator.descriptors().size(), 8U);
  EXPECT_EQ(decorator.statistics().frames_received, 9U);
}

}  // namespace
}  // namespace homa::io
