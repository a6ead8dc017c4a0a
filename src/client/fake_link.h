// A link for tests of a socket's parts, without an engine or threads: the test is the engine, at
// the other end of the channel. Counts what it is asked.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "channel/engine_end.h"
#include "client/engine_link.h"

namespace homa::client {

// A bell that no engine hears.
inline channel::Bell quiet_bell() {
  return {std::make_shared<channel::EngineState>(), std::make_shared<channel::Doorbell>(), 0, -1};
}

class FakeLink : public EngineLink {
 public:
  bool inherited() const override { return false; }
  const LinkLimits& limits() const override { return limits_; }
  ReceiveMemory receive_memory() const override { return {memory_, nullptr}; }
  Result<Attached, Error> attach(const channel::ChannelConfig& config, std::uint16_t) override {
    return Attached{channel::Region::create(config).value(), quiet_bell()};
  }
  Result<Attached, Error> attach_apart(const channel::ChannelConfig& config) override {
    return attach(config, 0);
  }
  void add_user(const std::shared_ptr<EngineUser>&) override {}
  void remove_user(EngineUser&) override {}
  Result<void, Error> permit_port(channel::Region&, std::uint16_t) override { return {}; }
  bool comes_back() const override { return false; }
  bool await_successor() override { return false; }
  void look_after() override {}
  Result<Reattached, Error> reattach(channel::Region&, std::uint16_t) override {
    return Reattached{quiet_bell(), 0};
  }
  Result<void, Error> share_signal(channel::Region&) override { return {}; }
  Hold publish(channel::ApplicationEnd& channel) override {
    channel.publish();
    return {};
  }
  void run(Hold) override { engine(); }
  bool leave(channel::ApplicationEnd& channel) override {
    if (holds_back) channel.publish_to_awake();
    return holds_back;
  }
  void make_room() override { engine(); }
  bool begin_watch(std::uint32_t, Duration) override { return true; }
  Duration watch(const Watch&, Time, Time) override {
    engine();
    return Duration::zero();
  }
  void sleep(const Watch&, Time) override { engine(); }
  void interrupt() override { ++interrupts; }
  void end_wait() override {}
  void expect_descriptors() override {}
  void look() override { engine(); }
  void stop() override {}
  Address address() const override { return {}; }
  std::string description() const override { return "no engine"; }
  std::vector<Counter> counters() override { return {}; }
  std::size_t poll() override { return 0; }

  // What the engine does when it is given the chance.
  std::function<void()> engine = [] {};
  int interrupts = 0;
  bool holds_back = false;

 private:
  LinkLimits limits_{8, 1 << 20, 1 << 20};
  std::vector<std::byte> memory_ = std::vector<std::byte>(1 << 16);
};

}  // namespace homa::client
