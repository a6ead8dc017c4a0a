// homad: one engine for all programs of a host. Runs in the calling thread until a signal ends it.
#pragma once

#include <memory>
#include <string>

#include "base/descriptor.h"
#include "base/mapping.h"
#include "client/make_engine.h"
#include "daemon/control_server.h"
#include "daemon/log.h"
#include "daemon/policy.h"
#include "homa/host.h"

namespace homa::daemon {

struct DaemonConfig {
  std::string socket = channel::kDefaultDaemonSocket;
  HostConfig host;  // Packets, Protocol, Faults, coalesce and poll are used
  LogFormat log_format = LogFormat::kText;
  LogLevel log_level = LogLevel::kInfo;
  Policy policy;
};

class Daemon {
 public:
  // kInvalidArgument, kNotPermitted, kInUse, kNoMemory, kSystem. SIGTERM, SIGINT and SIGHUP are
  // blocked from then on: run() takes them.
  static Result<std::unique_ptr<Daemon>, Error> start(const DaemonConfig& config);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Until SIGTERM or SIGINT; then peers and programs are told.
  void run();

 private:
  Daemon(const DaemonConfig& config, base::Descriptor epoll, base::Descriptor signals,
         base::Mapping state, client::MadeEngine made, Listener listener);
  // Takes what programs and signals want, for a share of the time.
  void look_around(Time now);
  void take_signals();
  std::string counters() const;

  const DaemonConfig config_;
  Log log_;
  const base::Descriptor epoll_;
  const base::Descriptor signals_;
  const base::Mapping state_memory_;
  const std::unique_ptr<engine::Engine> engine_;
  const base::Descriptor lock_;
  const SessionContext context_;
  std::unique_ptr<ControlServer> server_;
  Time look_again_{};
  bool stopping_ = false;
};

}  // namespace homa::daemon
