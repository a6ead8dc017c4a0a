// The link to an engine in this process: owns the engine and says who runs it.
//
// Threaded: a thread of the library runs it; waiting threads watch their ring for a while, then
// sleep. Polled: one of the waiting threads runs it, see polled_driver.h.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "base/descriptor.h"
#include "client/engine_link.h"
#include "client/polled_driver.h"
#include "engine/engine.h"
#include "engine/engine_thread.h"

namespace homa::client {

struct InProcessConfig {
  bool polled = false;
  Duration poll{0};  // a waiting thread, or the engine's, looks so long before it sleeps
  std::uint32_t pollers_max = 1;  // threaded: threads that look at one socket's ring at once
};

class InProcessLink : public EngineLink {
 public:
  // `wake`: the eventfd that the engine was created with.
  InProcessLink(std::unique_ptr<engine::Engine> engine, base::Descriptor wake,
                const LinkLimits& limits, const InProcessConfig& config);
  ~InProcessLink() override;
  InProcessLink(const InProcessLink&) = delete;
  InProcessLink& operator=(const InProcessLink&) = delete;

  const LinkLimits& limits() const override { return limits_; }
  std::span<const std::byte> receive_memory() const override { return receive_memory_; }
  Result<channel::Bell, Error> attach(std::shared_ptr<channel::Region> region) override;

  Hold publish(channel::ApplicationEnd& channel) override;
  void run(Hold hold) override;
  void make_room() override;

  bool begin_watch(std::uint32_t watching, Duration waited) override;
  void watch(const Watch& watch, Time now, Time until) override;
  void sleep(const Watch& watch, Time until) override;
  void interrupt() override;
  void end_wait() override;
  void look() override;

  // Tells the peers, closes the back end, stops the engine. Received messages stay valid.
  void stop();
  const trace::Counters& counters() const { return engine_->counters(); }
  io::IoStatistics io_statistics();
  // Polled: does what is due and returns how much that was.
  std::size_t poll();

 private:
  // Runs `task` while nobody else touches the engine, and waits for it.
  template <typename Task>
  void with_engine(Task task);
  void drive(const Watch& watch, Time now, Time until);

  const LinkLimits limits_;
  const InProcessConfig config_;
  base::Descriptor wake_;
  std::unique_ptr<engine::Engine> engine_;
  std::span<const std::byte> receive_memory_;
  std::optional<PolledDriver> driver_;
  std::optional<engine::EngineThread> thread_;
  std::mutex stop_mutex_;
  bool stopped_ = false;
};

}  // namespace homa::client
