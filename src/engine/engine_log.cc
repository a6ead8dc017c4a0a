#include "engine/engine_log.h"

#include <string>
#include <utility>

namespace homa::engine {
namespace {

constexpr std::string_view kComponent = "engine";

}  // namespace

void EngineLog::parameter_changed(const ParameterChange& change) const {
  tell([&] {
    const std::string pid = std::to_string(change.pid), user = std::to_string(change.user);
    const LogField fields[] = {{"name", change.name},
                               {"before", change.before},
                               {"now", change.now},
                               {"pid", pid},
                               {"user", user}};
    to_({LogLevel::kInfo, kComponent, "parameter changed", fields});
  });
}

void EngineLog::rpc_failed(Time clock, ErrorCode code, Executed executed,
                           const SocketAddress& peer) {
  if (!to_) return;
  if (clock < next_failure_) {
    ++untold_;
    return;
  }
  next_failure_ = clock + kBetweenFailures;
  tell([&] {
    const std::string address = peer.to_string();
    const std::string untold = std::to_string(std::exchange(untold_, 0));
    const LogField fields[] = {{"error", to_string(code)},
                               {"executed", to_string(executed)},
                               {"peer", address},
                               {"others", untold}};
    to_({LogLevel::kWarning, kComponent, "RPC failed", fields});
  });
}

void EngineLog::out_of_memory() const {
  tell([&] { to_({LogLevel::kError, kComponent, "out of memory: it has stopped", {}}); });
}

}  // namespace homa::engine
