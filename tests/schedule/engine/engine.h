// In place of src/engine/engine.h: an engine of a few channels, with a network that answers every
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
  // From now on, requests of all channels but the first are answered only as often as allow() was
  // called: their answers depend on what the first channel's thread does.
  void limit_others() { others_limited_ = true; }
  void allow();

 private:
  struct Request {
    std::uint32_t channel;
    channel::Submission submission;
  };

  std::size_t take_submissions();
  std::size_t take_submissions_of(std::uint32_t channel);
  bool has_submissions() const;
  bool may_be_answered(const Request& request) const {
    return request.channel == 0 || !others_limited_ || allowed_ > 0;
  }

  int wake_fd_;
  bool closed_ = false;
  Fault fault_;
  base::Mapping receive_memory_;
  trace::Counters counters_;
  std::shared_ptr<channel::EngineState> state_ = std::make_shared<channel::EngineState>();
  std::shared_ptr<channel::Doorbell> doorbell_ = std::make_shared<channel::Doorbell>();
  channel::DoorbellWatch watch_{doorbell_};
  std::vector<std::unique_ptr<channel::EngineEnd>> ends_;
  channel::Atomic<std::uint64_t> posted_{0};
  std::deque<Request> requests_;  // on their way to the network
  std::deque<Request> answers_;   // on their way from it
  bool others_limited_ = false;
  int allowed_ = 0;
};

}  // namespace homa::engine
