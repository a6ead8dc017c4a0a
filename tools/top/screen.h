// What `homa top` shows, line by line, without a terminal.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "observe/engine_state.h"

namespace homa::tools {

struct ScreenLine {
  enum class Look { kPlain, kTitle, kBad };
  std::string text;  // not longer than the screen is wide
  Look look = Look::kPlain;
};

// Two looks at all engines of the host.
struct Looks {
  std::span<const observe::EngineState> before, now;
  double seconds = 1;  // between them
  Time clock{};        // CLOCK_MONOTONIC at the second
};

// At most `height` lines of at most `width` columns, 80 or more.
std::vector<ScreenLine> screen(const Looks& looks, std::size_t width, std::size_t height);

}  // namespace homa::tools
