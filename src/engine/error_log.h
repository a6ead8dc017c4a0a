// The errors that an engine shows to tools: each once, with how often and when it happened.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "homa/address.h"
#include "homa/error.h"
#include "trace/state_layout.h"

namespace homa::engine {

class ErrorLog {
 public:
  // In zeroed memory of the state file.
  explicit ErrorLog(std::span<trace::ErrorEntry> entries) : entries_(entries) {}

  // An error without a peer. `now`: nanoseconds since 1970.
  void note(std::int64_t now, ErrorCode code, std::string_view text);
  // Of an RPC with `peer`. One that is known already counts up; otherwise the one that did not
  // happen for the longest time gives way. A look at each entry.
  // True: it was not known.
  bool note(std::int64_t now, ErrorCode code, Executed executed, const SocketAddress& peer);

 private:
  bool note(std::int64_t now, const trace::ErrorEntry& error);

  std::span<trace::ErrorEntry> entries_;
};

}  // namespace homa::engine
