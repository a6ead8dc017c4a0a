// Tells the service manager how homad is doing: ready, alive, about to stop (sd_notify(3)). Does
// nothing where none has started it.
#pragma once

#include <string>

#include "base/time.h"

namespace homa::daemon {

class Supervisor {
 public:
  // As the environment says: how often the manager wants to hear that we are alive.
  Supervisor();

  void ready(const std::string& status);
  void stopping();
  // When on_time() is due; kNever: nobody wants to hear.
  Time next_deadline() const { return next_; }
  void on_time(Time now);

 private:
  Duration interval_{0};
  Time next_ = kNever;
};

}  // namespace homa::daemon
