// How an engine learns which channels have something for it, without looking at all of them.
//
// A doorbell is one bit for each channel of a client. Whoever publishes a submission looks at its
// bit, sets it if it is clear, and wakes the engine if it sleeps. An engine that finds a bit set
// looks at the channel; as long as it goes on looking, the bit stays set and a publish costs two
// reads. When it stops looking it clears the bit, and looks once more (docs/decisions/0010).
//
// Whether the engine sleeps is one word for all channels and all clients. Clients of another
// process get it for reading only; each such process has a doorbell of its own, so that a client
// can touch no bit but those of its own channels.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "channel/atomic.h"
#include "channel/layout.h"

namespace homa::channel {

// Written by the engine, read by everybody.
struct EngineState {
  // Odd: the engine sleeps. Grows by one whenever it falls asleep or wakes up.
  alignas(kCacheLine) Atomic<std::uint64_t> sleep{0};
  // 1: the engine is short of receive memory, so that a release is worth waking it for.
  Atomic<std::uint32_t> release_wanted{0};
  // 1: another engine takes this one's place in a moment. What begins now would end with this one.
  Atomic<std::uint32_t> leaving{0};
};

// Written by both sides.
struct Doorbell {
  static constexpr std::uint32_t kWords = 64;
  static constexpr std::uint32_t kChannels = kWords * 64;

  // Bit w: words[w] has a bit that the engine may not have seen.
  alignas(kCacheLine) Atomic<std::uint64_t> rung{0};
  // The last sleep that one of these channels has ended, as EngineState::sleep counts them.
  Atomic<std::uint64_t> ended_sleep{0};
  alignas(kCacheLine) std::array<Atomic<std::uint64_t>, kWords> words{};
};

static_assert(sizeof(EngineState) == kCacheLine && sizeof(Doorbell) == 9 * kCacheLine);

// Ends the sleep of an engine that announced one; no system call when it is awake. `wake_fd`: the
// eventfd that it sleeps on.
void wake_engine(const EngineState& engine, Doorbell& doorbell, int wake_fd);

// A channel's bit, for its application.
class Bell {
 public:
  // The two outlive this object because it shares them; `wake_fd` is open as long as it lives.
  Bell(std::shared_ptr<const EngineState> engine, std::shared_ptr<Doorbell> doorbell,
       std::uint32_t channel, int wake_fd)
      : engine_(std::move(engine)),
        doorbell_(std::move(doorbell)),
        word_(&doorbell_->words[channel / 64 % Doorbell::kWords]),
        rung_(std::uint64_t{1} << (channel / 64 % Doorbell::kWords)),
        bit_(std::uint64_t{1} << (channel % 64)),
        wake_fd_(wake_fd) {}

  // After something was published with sequentially consistent order: the engine will look at the
  // channel, but need not wake up for it.
  void mark() {
    if ((word_->load(std::memory_order_seq_cst) & bit_) != 0) return;
    word_->fetch_or(bit_, std::memory_order_seq_cst);
    doorbell_->rung.fetch_or(rung_, std::memory_order_seq_cst);
  }
  // The same, and at once.
  void ring() {
    mark();
    if ((engine_->sleep.load(std::memory_order_seq_cst) & 1) != 0) wake();
  }
  bool engine_leaves() const { return engine_->leaving.load(std::memory_order_relaxed) != 0; }
  bool release_wanted() const {
    return engine_->release_wanted.load(std::memory_order_seq_cst) != 0;
  }

 private:
  void wake() { wake_engine(*engine_, *doorbell_, wake_fd_); }

  std::shared_ptr<const EngineState> engine_;
  std::shared_ptr<Doorbell> doorbell_;
  Atomic<std::uint64_t>* word_;
  std::uint64_t rung_;
  std::uint64_t bit_;
  int wake_fd_;
};

// The engine's side of one doorbell. Believes nothing: a bit is a hint to look at a channel.
class DoorbellWatch {
 public:
  explicit DoorbellWatch(std::shared_ptr<Doorbell> doorbell) : doorbell_(std::move(doorbell)) {}

  bool rung() const { return doorbell_->rung.load(std::memory_order_seq_cst) != 0; }
  // Calls look(channel) for channels that rang since they were last looked at, `at_most` of them:
  // the others stay rung. From then on the channel is watched: its bit stays set until stop().
  template <typename Look>
  void take(std::size_t at_most, Look look) {
    std::uint64_t groups = doorbell_->rung.exchange(0, std::memory_order_seq_cst);
    for (; groups != 0 && at_most > 0; groups &= groups - 1) {
      const auto word = static_cast<std::uint32_t>(std::countr_zero(groups));
      const std::uint64_t set = doorbell_->words[word].load(std::memory_order_seq_cst);
      std::uint64_t fresh = set & ~watched_[word];
      for (; fresh != 0 && at_most > 0; fresh &= fresh - 1, --at_most) {
        watched_[word] |= fresh & ~(fresh - 1);
        look(word * 64 + static_cast<std::uint32_t>(std::countr_zero(fresh)));
      }
      if (fresh != 0) break;
    }
    if (groups != 0) doorbell_->rung.fetch_or(groups, std::memory_order_seq_cst);
  }
  // The channel is watched no more. Look at it once more: what was published before may have left
  // the bell alone.
  void stop(std::uint32_t channel) {
    const std::uint64_t bit = std::uint64_t{1} << (channel % 64);
    if ((watched_[channel / 64] & bit) == 0) return;
    watched_[channel / 64] &= ~bit;
    doorbell_->words[channel / 64].fetch_and(~bit, std::memory_order_seq_cst);
  }

  const std::shared_ptr<Doorbell>& doorbell() const { return doorbell_; }

 private:
  std::shared_ptr<Doorbell> doorbell_;
  std::array<std::uint64_t, Doorbell::kWords> watched_{};
};

}  // namespace homa::channel
