// What a host tells its application's log. By default it says nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace homa {

enum class LogLevel : std::uint8_t { kError = 0, kWarning = 1, kInfo = 2, kDebug = 3 };

struct LogField {
  std::string_view name, value;
};

// All of it is gone when the function returns.
struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string_view component;  // "engine", "homad": who says it
  std::string_view text;       // what happened, in a few stable words
  std::span<const LogField> fields;
};

// Called by the thread that runs the engine, which waits for it: it must be quick, must not throw,
// and must not call the host or its sockets. Lines come when something happens that an operator
// wants to know, never for each message.
using LogFunction = std::function<void(const LogLine&)>;

}  // namespace homa
