// The link to an engine in this process: owns the engine, and has an EngineRunner run it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "client/engine_link.h"
#include "client/engine_runner.h"
#include "client/process_mark.h"
#include "engine/engine.h"

namespace homa::client {

class InProcessLink : public EngineLink {
 public:
  // What else a host knows of its engine.
  struct Facts {
    Address address{};
    std::string description{};
    base::Descriptor cpu_latency{};  // open: the limit holds
  };
  // `wake`: the eventfd that the engine was created with. `pollers_max`: threads that look at one
  // socket's ring at once, where callers do not drive. kSystem: no thread is to be had.
  static Result<std::shared_ptr<InProcessLink>, Error> start(
      std::unique_ptr<engine::Engine> engine, base::Descriptor wake, const LinkLimits& limits,
      const RunnerConfig& config, std::uint32_t pollers_max, Facts facts);
  ~InProcessLink() override;  // in a forked child: does nothing and frees nothing
  InProcessLink(const InProcessLink&) = delete;
  InProcessLink& operator=(const InProcessLink&) = delete;

  bool inherited() const override { return mark_.inherited(); }
  const LinkLimits& limits() const override { return limits_; }
  ReceiveMemory receive_memory() const override { return {receive_memory_, nullptr}; }
  Result<Attached, Error> attach(const channel::ChannelConfig& config, std::uint16_t port) override;
  Result<Attached, Error> attach_apart(const channel::ChannelConfig& config) override;
  void add_user(const std::shared_ptr<EngineUser>& user) override { housekeeping_.add(*user); }
  void remove_user(EngineUser& user) override { housekeeping_.remove(user); }
  Result<void, Error> permit_port(channel::Region&, std::uint16_t) override { return {}; }
  // An engine in this process is never lost.
  bool comes_back() const override { return false; }
  bool await_successor() override { return false; }
  void look_after() override {}
  Result<Reattached, Error> reattach(channel::Region& region, std::uint16_t port) override;
  Result<void, Error> share_signal(channel::Region&) override { return {}; }

  Hold publish(channel::ApplicationEnd& channel) override;
  void run(Hold hold) override { runner_->run(std::move(hold)); }
  bool leave(channel::ApplicationEnd& channel) override;
  void make_room() override;

  bool begin_watch(std::uint32_t watching, Duration waited) override;
  Duration watch(const Watch& watch, Time now, Time until) override;
  void sleep(const Watch& watch, Time until) override;
  void interrupt() override { runner_->interrupt(); }
  void end_wait() override { runner_->pass_on(); }
  void expect_descriptors() override { runner_->expect_descriptors(); }
  void look() override { runner_->look(); }

  void stop() override;
  Address address() const override { return facts_.address; }
  std::string description() const override { return facts_.description; }
  std::vector<Counter> counters() override;
  std::size_t poll() override { return runner_->look(); }

 private:
  InProcessLink(std::unique_ptr<engine::Engine> engine, base::Descriptor wake,
                const LinkLimits& limits, const RunnerConfig& config, std::uint32_t pollers_max,
                Facts facts, ProcessMark mark);

  const ProcessMark mark_;
  const LinkLimits limits_;
  const RunnerConfig config_;
  const std::uint32_t pollers_max_;
  const Facts facts_;
  const base::Descriptor wake_;
  Housekeeping housekeeping_;
  std::unique_ptr<engine::Engine> engine_;
  const std::span<const std::byte> receive_memory_;
  std::unique_ptr<EngineRunner> runner_;
};

}  // namespace homa::client
