// homad: one engine for all programs of a host. Runs in the calling thread until a signal ends it.
#pragma once

#include <future>
#include <memory>
#include <string>

#include "base/descriptor.h"
#include "base/mapping.h"
#include "client/make_engine.h"
#include "daemon/config.h"
#include "daemon/control_server.h"
#include "daemon/log.h"
#include "daemon/supervisor.h"

namespace homa::daemon {

class Daemon {
 public:
  // kInvalidArgument, kNotPermitted, kInUse, kNoMemory, kSystem. SIGTERM, SIGINT and SIGHUP are
  // blocked from then on: run() takes them.
  // `file`: what SIGHUP reads anew; empty: there is none.
  static Result<std::unique_ptr<Daemon>, Error> start(const DaemonConfig& config,
                                                      const std::string& file);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Until SIGTERM or SIGINT; then peers and programs are told.
  void run();

 private:
  struct Parts {
    base::Descriptor epoll, signals, reloaded;
    base::Mapping state;
    client::MadeEngine made;
    Listener listener;
  };
  Daemon(const DaemonConfig& config, const std::string& file, Parts parts);
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
  const base::Descriptor lock_;
  const SessionContext context_;
  std::unique_ptr<ControlServer> server_;
  std::future<Result<DaemonConfig, Error>> reloading_;
  Time look_again_{};
  bool stopping_ = false;
};

}  // namespace homa::daemon
