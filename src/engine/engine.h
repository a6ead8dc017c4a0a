// The engine: drives one core::Endpoint with packets, the clock and the channels of applications.
//
// One step: take packets (a batch), copy their payload once into the receive region; take what
// applications submitted; fire timers that are due; hand events to channels; send what may be sent,
// straight from transmit memory. What the device does not take is kept and tried again. No system
// call but the back end's own; no allocation once the load is steady.
//
// An Engine belongs to one thread at a time: whoever holds the lock of its owner. Only post() and
// wake() may be called by others.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/mapping.h"
#include "base/time.h"
#include "core/endpoint.h"
#include "engine/attachments.h"
#include "engine/engine_log.h"
#include "engine/engine_time.h"
#include "engine/idle_memory.h"
#include "engine/link_load.h"
#include "engine/look_rhythm.h"
#include "engine/outgoing.h"
#include "engine/published.h"
#include "engine/receive_region.h"
#include "engine/same_host.h"
#include "engine/sampler.h"
#include "io/packet_io.h"
#include "trace/trace.h"

namespace homa::engine {

// CLOCK_MONOTONIC, as the endpoint's time.
Time clock_now();

class Engine {
 public:
  // Taken from each channel in one step.
  static constexpr std::size_t kSubmissionsPerStep = Attachments::kSubmissionsPerStep;

  // `config` is valid, with a receive region. `wake_fd` is an eventfd; it outlives the engine. Or
  // it is an epoll descriptor, whose events the caller takes after each sleep(); then interrupt()
  // and wake() do nothing. `coalesce`: see sleep(); 0: never. `state`: what programs of other
  // processes see of the engine; nullptr: there are none. `published`: what tools see; nullptr:
  // nobody looks.
  static Result<std::unique_ptr<Engine>, Error> create(
      const core::CoreConfig& config, std::unique_ptr<io::PacketIo> io, std::uint64_t seed,
      int wake_fd, Duration coalesce = Duration::zero(),
      std::shared_ptr<channel::EngineState> state = nullptr,
      std::unique_ptr<Published> published = nullptr);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Serves a further channel until its application is gone. The result is for its ApplicationEnd.
  // kNoMemory.
  Result<channel::Bell, Error> attach(std::shared_ptr<channel::Region> region);

  // Sockets of its own process with receive memory of their own: see Attachments.
  Result<Attachments::Apart, Error> attach_apart(std::shared_ptr<channel::Region> region);
  Result<void, Error> give_memory(Program& program, std::span<std::byte> memory);

  // Programs of other processes: see Attachments.
  Result<Program*, Error> add_program(ReceiveRegion receive,
                                      std::shared_ptr<channel::Doorbell> doorbell,
                                      const ProgramLimits& limits);
  Result<std::uint32_t, Error> attach(Program& program, std::shared_ptr<channel::Region> region,
                                      std::uint16_t port);
  bool permit_port(Program& program, std::uint32_t number, std::uint16_t port) {
    return attachments_.permit_port(program, number, port);
  }
  Result<Attachments::Opened, Error> attach_and_open(Program& program,
                                                     std::shared_ptr<channel::Region> region,
                                                     std::uint16_t port);
  void remove_program(Program& program) { attachments_.remove_program(program); }
  std::size_t programs() const { return attachments_.programs(); }
  // Grows whenever something happens to a program that its host's log should have: see Incidents
  // and core::Remedies.
  std::uint64_t incidents() const { return attachments_.incidents() + endpoint_.remedies(); }
  // See core::Endpoint::set_memory_total().
  void set_memory_total(std::uint64_t bytes) { endpoint_.set_memory_total(bytes); }

  // No packet is taken before the first port is open: until then the kernel keeps them, so that a
  // request to a server that is about to open its port is not refused. For kStartGrace after that,
  // requests to ports that were never open are dropped without an answer.
  static constexpr Duration kStartGrace{500'000'000};

  // Does what is due at `now`, in bounded time. Returns how much that was; 0: nothing to do until
  // next_deadline(), a packet or a submission.
  std::size_t step(Time now);
  // Takes submissions and sends; looks neither for packets nor at timers.
  std::size_t flush(Time now);
  // When the next step has something to do if nothing arrives; kNever: idle.
  Time next_deadline() const;

  // Sleeps until there is something to do, but not beyond `until`. Submitters wake it. A part of
  // receive memory that is due to go back to the system goes first; then it does not sleep. While
  // the link is busy, it looks away until `coalesce` after its last look instead: packets and
  // deadlines wait so long, and what came meanwhile is one batch, because a wake-up costs more than
  // a packet.
  // `owner`: the lock that owns the engine. It is given up during the sleep, if the back end allows
  // that: others may then do anything but sleep() and close(), and wake() the sleeper when they
  // have made something due earlier.
  void sleep(Time now, Time until, std::unique_lock<std::mutex>* owner = nullptr);

  // Ends every channel's RPCs, tells the peers, sends that for as long as `at_most`, and closes the
  // back end. Nothing more happens after it; received messages stay where they are.
  void close(Duration at_most);

  // Any thread: ends a sleep(), also one that is about to begin.
  void interrupt();
  // Any thread: ends a sleep().
  void wake();

  // Tells `log` from now on what an operator wants to know.
  void set_log(LogFunction log) { log_.set(std::move(log)); }

  // Requests of tools for parameters (ParameterRequests). step() looks for them a few times a
  // second, and sleep() ends when one comes; -1: none will. If the engine was created with an epoll
  // descriptor, its owner adds this one and calls answer_requests() when it is readable.
  int requests_descriptor() const { return published_->requests().descriptor(); }
  void answer_requests();

  // See io::PacketIo. Until close().
  int transferable_socket() const { return io_ ? io_->transferable_socket() : -1; }
  // False: it was closed, or has stopped because there was no memory.
  bool running() const { return io_ != nullptr && !out_of_memory_; }
  const core::Endpoint& endpoint() const { return endpoint_; }
  const trace::Counters& counters() const { return published_->counters(); }  // any thread
  io::IoStatistics io_statistics() const { return io_ ? io_->statistics() : statistics_; }
  const base::Mapping& receive_memory() const { return attachments_.own_memory().memory(); }
  std::size_t channels() const { return attachments_.size(); }

 private:
  static constexpr std::size_t kBatch = 64;
  static constexpr std::size_t kPathsPerStep = 64;
  static constexpr std::size_t kIoDescriptorsMax = 4;
  static constexpr Duration kLongestSleep{3'600'000'000'000};
  static constexpr Duration kBetweenRequests{100'000'000};
  // Where the sleep does not end by a request.
  static constexpr Duration kLongestDeafSleep{1'000'000'000};

  Engine(const core::CoreConfig& config, std::unique_ptr<io::PacketIo> io, std::uint64_t seed,
         int wake_fd, Duration coalesce, ReceiveRegion receive,
         std::shared_ptr<channel::EngineState> state, std::unique_ptr<Published> published);

  Time forward(Time now) {
    published_->measured().set_clock(now);
    return time_.forward(now, [this] { return next_deadline(); });
  }
  // Programs or their channels changed outside a step: tools are to see it, too.
  void note_change() { sampler_.note_work(published_->measured().clock()); }
  std::size_t work(Time now, std::size_t done);
  bool looks(Time now) const { return !load_.busy() || rhythm_.due(now); }
  std::size_t receive(Time now);
  std::size_t take_errors(Time now);
  void tell_path(Time now, const Address& peer);
  void answer_path_questions(Time now);
  Result<void, Error> serves() const;
  template <typename Work>
  std::size_t guarded(Work work);
  void stop_for_want_of_memory();
  std::size_t take_submissions(Time now);
  void begin_start(Time now);
  void end_start();
  std::size_t dispatch_events(Time now);
  void dispatch(Time now, const core::Event& event);
  std::size_t transmit(Time now);
  void sample(Time clock);
  void send_all(Time until);
  Time next_look() const { return time_.by_clock(rhythm_.next(endpoint_.awaits_short())); }
  Duration longest_sleep(Time now, Time until, Duration longest) const {
    return until == kNever ? longest : std::min(until - now, longest);
  }
  // Whether the wake descriptor is readable.
  bool wait(Time now, Time until, std::unique_lock<std::mutex>* owner);

  const std::unique_ptr<Published> published_;
  trace::Recorder recorder_;
  core::Endpoint endpoint_;
  std::unique_ptr<io::PacketIo> io_;  // null after close()
  io::IoStatistics statistics_;       // its last
  int wake_fd_;
  LookRhythm rhythm_;  // followed while load_ is busy
  LinkLoad load_;
  // A rate that was set by hand holds for every device.
  const bool paces_each_device_;
  const bool serves_programs_;  // other processes'
  Attachments attachments_;
  SameHost same_host_;
  Outgoing outgoing_;
  EngineTime time_;
  IdleMemory idle_memory_;
  Sampler sampler_;
  EngineLog log_;
  Time requests_due_{};  // when step() looks for them
  std::array<io::RxFrame, kBatch> received_;
  std::array<io::IoError, 8> errors_;
  Time deadline_{};  // the endpoint's, when work() last ended
  bool starting_ = true;
  Time start_ends_ = kNever;  // known when a port has been opened

  std::atomic<bool> interrupted_{false};
  bool out_of_memory_ = false;  // nothing is done any more
};

}  // namespace homa::engine
