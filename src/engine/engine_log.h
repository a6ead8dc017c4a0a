// What an engine tells the log of whoever runs it.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "engine/parameter_requests.h"
#include "homa/address.h"
#include "homa/error.h"
#include "homa/log.h"

namespace homa::engine {

class EngineLog {
 public:
  static constexpr Duration kBetweenFailures{100'000'000};

  // An empty function: nobody listens.
  void set(LogFunction to) { to_ = std::move(to); }

  void parameter_changed(const ParameterChange& change) const;
  // An RPC of ours failed, and this error was not seen with this peer lately. A line at most every
  // kBetweenFailures; it counts those that got none.
  void rpc_failed(Time clock, ErrorCode code, Executed executed, const SocketAddress& peer);
  void out_of_memory() const;

 private:
  // A line that cannot be made, for want of memory, is left out: the engine goes on.
  template <typename Make>
  void tell(Make make) const try {
    if (to_) make();
  } catch (...) {
    return;
  }

  LogFunction to_;
  Time next_failure_{};
  std::uint64_t untold_ = 0;
};

}  // namespace homa::engine
