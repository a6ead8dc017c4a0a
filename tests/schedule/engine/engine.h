// In place of src/engine/engine.h: an engine of one channel, with a network that answers every
// request. It sleeps and wakes as the real one does, with the real doorbell and rings.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/mapping.h"
#include "base/time.h"
#include "channel/atomic.h"
#include "channel/doorbell.h"
#include "channel/engine_end.h"
#include "homa/error.h"
#include "homa/result.h"
#include "io/packet_io.h"
#include "trace/trace.h"

namespace homa::engine {

Time clock_now();

// What is planted: it loses wake-ups in some schedules.
enum class Fault { kNone, kSleepsWithoutAnotherLook };

class Engine {
 public:
  using Hold = std::unique_lock<channel::Mutex>;

  explicit Engine(int wake_fd, Fault fault = Fault::kNone);

  Result<channel::Bell, Error> attach(std::shared_ptr<channel::Region> region);
  std::size_t step(Time now);
  std::size_t flush(Time now);
  Time next_deadline() const { return kNever; }
  void sleep(Time now, Time until, Hold* owner = nullptr);
  void post(std::function<void()> task);
  void interrupt() {
    post([] {});
  }
  bool running() const { return !closed_; }
  void wake();
  void close(Duration at_most);

  const base::Mapping& receive_memory() const { return receive_memory_; }
  const trace::Counters& counters() const { return counters_; }
  io::IoStatistics io_statistics() const { return {}; }

  // The network's thread: takes requests and delivers answers until `answers` were delivered.
  void run_network(int answers);

 private:
  std::size_t take_submissions();

  int wake_fd_;
  bool closed_ = false;
  Fault fault_;
  base::Mapping receive_memory_;
  trace::Counters counters_;
  std::shared_ptr<channel::EngineState> state_ = std::make_shared<channel::EngineState>();
  std::shared_ptr<channel::Doorbell> doorbell_ = std::make_shared<channel::Doorbell>();
  channel::DoorbellWatch watch_{doorbell_};
  std::unique_ptr<channel::EngineEnd> end_;
  channel::Atomic<std::uint64_t> posted_{0};
  std::deque<channel::Submission> requests_;  // on their way to the network
  std::deque<channel::Submission> answers_;   // on their way from it
};

}  // namespace homa::engine
