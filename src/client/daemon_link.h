// The link to homad's engine: a socket for attaching, and memory that both processes map
// (channel/control.h). homad is not trusted more than needed: whatever it writes is checked by the
// sockets, and nothing here waits for it for longer than kAnswerAtMost.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "base/mapping.h"
#include "channel/control.h"
#include "channel/doorbell.h"
#include "client/engine_link.h"
#include "client/process_mark.h"

namespace homa::client {

// The path of homad's socket: `configured`, else the environment's, else the default; empty: "off".
std::string daemon_socket(const std::string& configured);

class DaemonLink : public EngineLink, public std::enable_shared_from_this<DaemonLink> {
 public:
  struct Config {
    std::string path;
    std::uint64_t receive_bytes = 0;   // wanted; homad may grant less
    std::uint64_t transmit_bytes = 0;  // of each socket; the same
    bool wait_for_memory = false;      // HostConfig's
    Duration poll{0};                  // a thread looks so long at its ring before it sleeps
    std::uint32_t pollers_max = 1;     // at once, at one socket's
  };
  // nullptr: nobody listens there. kNotPermitted, kInvalidArgument, kNoMemory: homad refused; the
  // text says why. kSystem.
  static Result<std::shared_ptr<DaemonLink>, Error> connect(const Config& config);
  ~DaemonLink() override;  // in a forked child: does nothing and frees nothing
  DaemonLink(const DaemonLink&) = delete;
  DaemonLink& operator=(const DaemonLink&) = delete;

  bool inherited() const override { return mark_.inherited(); }
  const LinkLimits& limits() const override { return limits_; }
  ReceiveMemory receive_memory() const override;
  Result<Attached, Error> attach(const channel::ChannelConfig& config, std::uint16_t port) override;
  Result<Attached, Error> attach_apart(const channel::ChannelConfig& config) override;
  void add_user(const std::shared_ptr<EngineUser>& user) override;
  void remove_user(EngineUser& user) override { housekeeping_.remove(user); }
  Result<void, Error> permit_port(channel::Region& region, std::uint16_t port) override;
  bool comes_back() const override { return !stopping_.load(std::memory_order_relaxed); }
  bool await_successor() override;
  void look_after() override;
  Result<Reattached, Error> reattach(channel::Region& region, std::uint16_t port) override;
  Result<void, Error> share_signal(channel::Region& region) override;

  Hold publish(channel::ApplicationEnd& channel) override {
    published_.fetch_add(1, std::memory_order_relaxed);
    channel.publish();
    return {};
  }
  void run(Hold) override {}
  bool leave(channel::ApplicationEnd&) override { return false; }
  void make_room() override { channel::yield(); }

  bool begin_watch(std::uint32_t watching, Duration waited) override {
    return watching < config_.pollers_max && waited < config_.poll;
  }
  Duration watch(const Watch& watch, Time now, Time until) override;
  void sleep(const Watch& watch, Time until) override;
  void interrupt() override {}
  void end_wait() override {}
  void look() override {}
  void expect_descriptors() override {}  // homad looks for packets all the time

  void stop() override;
  Address address() const override;
  std::string description() const override;
  std::vector<Counter> counters() override;
  std::size_t poll() override { return 0; }

 private:
  struct Channel {
    std::weak_ptr<channel::Region> region;
    std::uint32_t number = 0;  // in our doorbell, and in what homad is told
  };

  DaemonLink(Config config, base::Descriptor socket, ProcessMark mark);
  Result<void, Error> introduce();
  Result<void, Error> share_memory(std::uint64_t receive_bytes);
  void prepare_memory();
  Result<std::uint32_t, Error> number_of(const channel::Region& region);
  Result<channel::ControlMessage, Error> ask(const channel::ControlHead& question,
                                             std::span<const int> descriptors = {});
  Result<void, Error> start_thread();
  void run_thread();
  bool reconnect();
  int tidy();
  void lose();
  bool bring_back();
  channel::Bell bell(std::uint32_t number) const;
  std::vector<std::weak_ptr<EngineUser>> users();
  bool leaves() const { return state_->leaving.load(std::memory_order_relaxed) != 0; }

  const ProcessMark mark_;
  const Config config_;
  LinkLimits limits_;      // as homad granted them first
  base::Descriptor call_;  // an eventfd: makes our thread look around
  std::atomic<bool> stopping_{false};

  std::mutex ask_mutex_;  // one question at a time
  base::Descriptor socket_;

  Housekeeping housekeeping_;  // by thread_
  std::atomic<std::uint64_t> published_{0};
  Time tidied_{};  // by thread_

  mutable std::mutex mutex_;
  Address address_;
  std::string description_;
  base::Descriptor wake_;  // homad's eventfd: ends its sleep. Its number stays
  std::shared_ptr<base::Mapping> receive_;
  std::shared_ptr<const channel::EngineState> state_;
  std::shared_ptr<channel::Doorbell> doorbell_;
  bool lost_ = false;
  bool replaced_ = false;  // it was lost because another one takes its place
  std::uint64_t losses_ = 0;
  std::vector<Channel> channels_;
  std::vector<std::weak_ptr<EngineUser>> users_;

  base::Mapping spare_;  // receive memory for the next homad; our thread's

  // Learns when homad is gone, and when it is back; tidies.
  std::unique_ptr<std::thread> thread_;
};

}  // namespace homa::client
