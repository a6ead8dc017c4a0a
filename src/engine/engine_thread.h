// Runs an engine in a thread of its own: polls for a while after the last work, then sleeps.
//
// Idle, it costs nothing: it sleeps until a packet, a submission or a timer. A timer closer than
// what waking up was last seen to cost is waited for by spinning, if polling is allowed at all:
// pacing at 10 Gbit/s has deadlines of a microsecond. (Back ends sleep without timer slack, so that
// slower links can be paced asleep.)
#pragma once

#include <atomic>
#include <thread>

#include "base/time.h"
#include "engine/engine.h"

namespace homa::engine {

class EngineThread {
 public:
  // `engine` outlives this. Runs it until stop().
  EngineThread(Engine& engine, Duration poll);
  ~EngineThread();  // stop()
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // Closes the engine (peers are told) and ends the thread.
  void stop();

 private:
  void run();

  Engine& engine_;
  Duration poll_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace homa::engine
