// The head of a long request, which the application sees before it takes the rest
// (docs/protocol.md#heads): is it wanted, has it been shown, may the rest be granted?
#pragma once

#include <cstdint>

namespace homa::core {

class Head {
 public:
  static constexpr std::uint32_t kNever = ~std::uint32_t{0};

  // A message begins to arrive, of which `unscheduled` bytes come unasked. Its head is wanted if it
  // is longer than `above` and does not come whole anyway.
  void begin(std::uint32_t length, std::uint32_t unscheduled, std::uint32_t above) {
    state_ = length > above && unscheduled < length ? State::kWanted : State::kNone;
  }
  // `bytes` from the message's begin on are here. True, once: they are to be shown.
  bool shows(std::uint32_t bytes) {
    if (state_ != State::kWanted || bytes == 0) return false;
    state_ = State::kShown;
    return true;
  }
  // False: nobody was asked about this message.
  bool accept() {
    if (state_ != State::kShown) return false;
    state_ = State::kAccepted;
    return true;
  }

  // The application has not decided yet, so nothing more may be granted.
  bool open() const { return state_ == State::kWanted || state_ == State::kShown; }
  // The application looks at the bytes: they stay when the message ends, until it gives them back.
  bool shown() const { return state_ == State::kShown; }
  // The application knows the message, and has to hear when it ends.
  bool announced() const { return state_ >= State::kShown; }

 private:
  enum class State : std::uint8_t { kNone, kWanted, kShown, kAccepted };
  State state_ = State::kNone;
};

}  // namespace homa::core
