// homad's socket: takes programs in, hears them by turns, notices their end.
//
// One thread, the engine's. Nothing here waits, and each call does a bounded amount of work.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/descriptor.h"
#include "base/time.h"
#include "daemon/hand_over.h"
#include "daemon/policy.h"
#include "daemon/program_session.h"

namespace homa::daemon {

// A listening socket at `path`, whose folder is made if need be. kInUse: there is one.
// kNotPermitted, kInvalidArgument, kSystem.
Result<Listener, Error> listen_at(const std::string& path);

class ControlServer {
 public:
  // Events' data below this are the caller's.
  static constexpr std::uint64_t kFirstEvent = 16;

  // `epoll`: what the engine sleeps on. It, the listener and the context outlive this.
  ControlServer(int epoll, int listener, const SessionContext& context, Policy policy);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Takes an event that epoll reported, with data from kFirstEvent on.
  void handle(const epoll_event& event);
  // When on_time() has something to do; kNever: nothing waits.
  Time next_deadline() const { return tick_; }
  void on_time(Time now);

  // Who connects meanwhile waits.
  void pause(bool paused);
  // Call now and then: what happened in the engine is logged for each program.
  void look_at_engine(Time now);

  void set_policy(Policy policy) { policy_ = std::move(policy); }
  std::size_t connections() const { return sessions_.size(); }

 private:
  // What an event is about, in the lowest bits of its data.
  enum Part : std::uint64_t { kConnection = 0, kWake = 1, kProcess = 2, kListener = 3 };
  static constexpr unsigned kPartBits = 2;

  struct Entry {
    std::unique_ptr<ProgramSession> session;
    base::Descriptor process;  // a pidfd; invalid: the process is of another namespace
    Time attach_until{};
    std::uint32_t credit = 0;  // messages that may still be taken in this interval
    bool silenced = false;     // none was left, so nothing is read
  };

  void accept_one();
  Result<void, Error> admit(base::Descriptor socket, Credentials who);
  bool watch(int descriptor, std::uint64_t id, Part part, std::uint32_t events);
  void on_connection(std::uint64_t id, Entry& entry, std::uint32_t events);
  void remove(std::uint64_t id);
  void listen(bool on);
  void schedule_tick(Time now);

  const int epoll_;
  const int listener_;
  const SessionContext& context_;
  Policy policy_;
  std::unordered_map<std::uint64_t, Entry> sessions_;  // by id
  std::map<uid_t, std::uint32_t> of_user_;             // sessions
  std::uint64_t next_id_ = kFirstEvent >> kPartBits;
  bool listening_ = true;
  bool paused_ = false;
  std::uint64_t incidents_ = 0;                                // of the engine, that were seen
  bool incidents_left_ = false;                                // to be logged
  core::PressureLevel pressure_ = core::PressureLevel::kNone;  // as it was logged
  Time next_pressure_{};
  Time tick_ = kNever;
};

}  // namespace homa::daemon
