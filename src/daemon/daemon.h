// homad: one engine for all programs of a host. Runs in the calling thread until a signal ends it.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "base/descriptor.h"
#include "base/mapping.h"
#include "client/make_engine.h"
#include "daemon/config.h"
#include "daemon/control_server.h"
#include "daemon/hand_over.h"
#include "daemon/log.h"
#include "daemon/supervisor.h"

namespace homa::daemon {

class Daemon {
 public:
  // kInvalidArgument, kNotPermitted, kInUse, kNoMemory, kSystem. SIGTERM, SIGINT and SIGHUP are
  // blocked from then on: run() takes them.
  // `file`: what SIGHUP reads anew; empty: there is none.
  // `replace`: takes the place of the homad that is there, if one is.
  static Result<std::unique_ptr<Daemon>, Error> start(const DaemonConfig& config,
                                                      const std::string& file, bool replace);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Until SIGTERM or SIGINT, or until another homad takes this one's place; then peers and programs
  // are told.
  void run();

 private:
  struct Parts {
    base::Descriptor epoll, signals, reloaded;
    base::Mapping state;
    client::MadeEngine made;
    Listener listener;
  };
  Daemon(const DaemonConfig& config, const std::string& file, Parts parts);
  static Result<std::unique_ptr<Daemon>, Error> start_or_throw(const DaemonConfig& config,
                                                               const std::string& file,
                                                               bool replace);
  void give_up_privileges();
  void stop();
  Result<void, Error> begin_replacement(int connection, const Credentials& who);
  // Whether this homad has to leave now.
  bool is_replaced(Time now, std::size_t done);
  Time next_deadline(Time now) const;
  // Takes what programs and signals want, for a share of the time.
  void look_around(Time now);
  void take_signals();
  void reload();
  void finish_reload();
  std::string counters() const;

  const DaemonConfig config_;
  const std::string file_;
  Log log_;
  Supervisor supervisor_;
  const base::Descriptor epoll_;
  const base::Descriptor signals_;
  const base::Descriptor reloaded_;  // an eventfd: the file has been read
  const base::Mapping state_memory_;
  const std::unique_ptr<engine::Engine> engine_;
  channel::EngineState& state_;
  const Listener listener_;
  const SessionContext context_;
  std::unique_ptr<ControlServer> server_;
  std::future<Result<DaemonConfig, Error>> reloading_;
  base::Descriptor successor_;  // its connection
  std::optional<Leaving> leaving_;
  Time look_again_{};
  bool stopping_ = false;
};

}  // namespace homa::daemon
