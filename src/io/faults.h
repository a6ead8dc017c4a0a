// A bad network on the sending side: loses, duplicates and holds back packets by chance, the same
// packets for the same seed and calls. Packets held back go out, when due, in later calls of
// send(), receive() and wait(), and wait() ends in time for them.
#pragma once

#include <chrono>
#include <random>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"
#include "io/decorator.h"
#include "io/open.h"

namespace homa::io {

// Fractions are 0..1, the delay is not negative; the error names what is wrong.
Result<void, Error> validate(const SendFaults& config);

class FaultyIo final : public Decorator {
 public:
  // `config` is valid.
  FaultyIo(std::unique_ptr<PacketIo> inner, const SendFaults& config);

  std::size_t receive(std::span<RxFrame> frames) override;
  std::size_t send(std::span<const TxFrame> frames) override;
  bool wait(std::chrono::nanoseconds at_most, int wake_fd) override;
  // Only wait() ends in time for the packets held back.
  std::span<const int> descriptors() const override { return {}; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kHeldMax = 1024;  // more are not held back
  static constexpr std::size_t kBatch = 64;

  enum class Fate : std::uint8_t { kSend, kSendTwice, kHold, kLose };
  struct Held {
    Clock::time_point due;
    Address destination;
    std::uint8_t priority = 0;
    std::size_t header_length = 0;
    std::vector<std::byte> bytes;
  };

  bool chance(double fraction) { return uniform_(random_) < fraction; }
  Fate draw();
  void hold(const TxFrame& frame);
  void send_due();
  std::size_t send_batch(std::span<const TxFrame> frames);

  const SendFaults config_;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> uniform_;
  std::vector<Held> held_;  // a ring: all have the same delay, so the first is due first
  std::size_t first_held_ = 0;
  std::size_t held_count_ = 0;
};

}  // namespace homa::io
