// One program and what it has at the engine, from its connection to its end. Everything that comes
// over the connection is checked here; what comes through channels, in the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/descriptor.h"
#include "channel/control.h"
#include "channel/region.h"
#include "daemon/log.h"
#include "daemon/policy.h"
#include "engine/engine.h"
#include "homa/host.h"

namespace homa::daemon {

// What sessions share; outlives them.
struct SessionContext {
  engine::Engine& engine;
  Log& log;
  std::string description;  // of the engine
  Address address;          // the same
  int engine_state = -1;    // the memfd that programs read
  std::function<std::string()> counters;
  // Another homad, at the other end of the connection, is to take this one's place. kInUse.
  std::function<Result<void, Error>(int connection, const Credentials& who)> replace;
};

class ProgramSession {
 public:
  // `limits`: what it gets. `wake`: the eventfd by which it ends the engine's sleep.
  ProgramSession(const SessionContext& context, base::Descriptor socket, Credentials who,
                 const Limits& limits, base::Descriptor wake);
  ~ProgramSession();  // takes back all that the program has
  ProgramSession(const ProgramSession&) = delete;
  ProgramSession& operator=(const ProgramSession&) = delete;

  // Takes one message and answers it. False: the connection is to be closed; the log says why.
  bool on_readable(const Policy& policy);
  // The program's process has died, or its connection.
  void note_end(const char* how);
  // Logs what happened to the program since the last time; at most one line a second of each kind.
  // False: something is left for later.
  bool report(Time now);

  int socket() const { return socket_.get(); }
  int wake() const { return wake_.get(); }
  const Credentials& who() const { return who_; }
  bool attached() const { return program_ != nullptr; }

 private:
  bool take(channel::ControlMessage message, const Policy& policy);
  bool welcome(const channel::ControlHead& hello);
  Result<void, Error> share_memory(channel::ControlMessage& message);
  Result<void, Error> permit_port(const channel::ControlHead& request, const Policy& policy);
  Result<void, Error> may_serve(std::uint16_t port, const Policy& policy);
  Result<engine::Attachments::Opened, Error> open_channel(channel::ControlMessage& message,
                                                          const Policy& policy);
  Result<engine::Attachments::Opened, Error> attach(channel::ControlKind kind,
                                                    const std::shared_ptr<channel::Region>& region,
                                                    std::uint16_t port);
  Result<void, Error> set_signal(channel::ControlMessage& message);
  void log_service(std::uint16_t port);
  bool has_news() const;
  void log_news();
  void log_incidents(const engine::Incidents& incidents);
  void log_remedies(const core::MemoryUse& use);
  bool answer(const channel::ControlHead& head, std::string_view text = {},
              std::span<const int> descriptors = {});
  bool done(std::string_view text = {}, engine::Attachments::Opened opened = {0, 0});
  bool refuse(const Error& error);

  const SessionContext& context_;
  const base::Descriptor socket_;
  const base::Descriptor wake_;
  const Credentials who_;
  const Limits limits_;
  bool welcomed_ = false;
  std::uint64_t receive_bytes_ = 0;  // granted
  std::uint64_t memory_max_ = 0;     // for its messages
  bool waits_for_memory_ = false;    // its messages do, as long as they have to
  engine::Program* program_ = nullptr;
  std::map<std::uint32_t, std::weak_ptr<channel::Region>> channels_;  // by number
  engine::Incidents incidents_;                                       // as they were logged
  core::Remedies remedies_;
  Time next_report_{};
};

}  // namespace homa::daemon
