#include "daemon/supervisor.h"

#include <systemd/sd-daemon.h>

#include <chrono>
#include <cstdint>

namespace homa::daemon {

Supervisor::Supervisor() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) return;
  interval_ = std::chrono::microseconds(microseconds / 2);
  next_ = Time{};
}

void Supervisor::ready(const std::string& status) {
  ::sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void Supervisor::stopping() { ::sd_notify(0, "STOPPING=1"); }

void Supervisor::on_time(Time now) {
  if (now < next_) return;
  next_ = now + interval_;
  ::sd_notify(0, "WATCHDOG=1");
}

}  // namespace homa::daemon
