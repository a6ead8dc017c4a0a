#include "core/send_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <map>

namespace homa::core {
namespace {

constexpr std::uint32_t kPayload = 1000;

std::uint32_t send_one(SendQueue& queue, MessageOut& message) {
  const ByteRange bytes = message.next_packet();
  queue.take(message, bytes.size());
  message.note_sent(bytes, Time{});
  queue.take_done(message);
  return bytes.size();
}

TEST(SendQueue, TheOneWithFewestBytesLeftGoesFirst) {
  SendQueue queue(0, 0);
  std::array<MessageOut, 3> messages;
  const std::array<std::uint32_t, 3> lengths = {9000, 3000, 6000};
  for (std::size_t i = 0; i < 3; ++i) {
    messages[i].start(lengths[i], lengths[i], TransmitToken{i}, i, kPayload);
    queue.update(messages[i]);
  }
  std::vector<std::uint64_t> order;
  while (MessageOut* next = queue.next_paced()) {
    order.push_back(raw(next->token()));
    send_one(queue, *next);
  }
  EXPECT_EQ(order,
            (std::vector<std::uint64_t>{1, 1, 1, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(SendQueue, AmongEqualsTheOlderGoesFirst) {
  SendQueue queue(0, 0);
  std::array<MessageOut, 2> messages;
  messages[0].start(2000, 2000, TransmitToken{0}, 9, kPayload);
  messages[1].start(2000, 2000, TransmitToken{1}, 5, kPayload);
  for (MessageOut& message : messages) queue.update(message);
  EXPECT_EQ(queue.next_paced(), &messages[1]);
  for (MessageOut& message : messages) queue.remove(message);
}

TEST(SendQueue, TheOldestGetsItsShareOfTheBytes) {
  SendQueue queue(0, 50);
  MessageOut oldest;
  oldest.start(10'000'000, 10'000'000, TransmitToken{99}, 0, kPayload);
  queue.update(oldest);
  std::uint64_t shorter_bytes = 0;
  for (std::uint64_t i = 1; i <= 500; ++i) {  // there is always a shorter one
    MessageOut shorter;
    shorter.start(10'000, 10'000, TransmitToken{i}, i, kPayload);
    queue.update(shorter);
    while (shorter.sendable()) {
      MessageOut* next = queue.next_paced();
      const std::uint32_t bytes = send_one(queue, *next);
      if (next == &shorter) shorter_bytes += bytes;
    }
  }
  const double share =
      static_cast<double>(oldest.sent()) / static_cast<double>(oldest.sent() + shorter_bytes);
  EXPECT_NEAR(share, 0.05, 0.002);
  queue.remove(oldest);
}

TEST(SendQueue, ShortMessagesDoNotQueueBehindPacedOnes) {
  SendQueue queue(1000, 50);
  MessageOut small, large;
  large.start(50'000, 50'000, TransmitToken{1}, 0, kPayload);
  small.start(999, 999, TransmitToken{2}, 1, kPayload);
  queue.update(large);
  queue.update(small);
  EXPECT_EQ(queue.next_small(), &small);
  EXPECT_EQ(queue.next_paced(), &large);
  queue.remove(small);
  queue.remove(large);
  EXPECT_FALSE(queue.paced_waiting());
  EXPECT_FALSE(queue.small_waiting());
}

}  // namespace
}  // namespace homa::core
