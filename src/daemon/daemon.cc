#include "daemon/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <new>
#include <system_error>
#include <utility>

#include "base/failure.h"
#include "channel/atomic.h"
#include "channel/wake.h"
#include "client/counters.h"
#include "client/guard.h"
#include "client/signals_blocked.h"
#include "daemon/sandbox.h"
#include "daemon/time_slice.h"
#include "engine/poll_worth.h"

namespace homa::daemon {
namespace {

constexpr Duration kCloseAtMost{200'000'000};
constexpr std::size_t kEventsAtOnce = 64;
constexpr std::uint64_t kSignalEvent = 0;
constexpr std::uint64_t kReloadedEvent = 1;
constexpr std::uint64_t kRequestsEvent = 2;
// Of the time, what goes to programs that attach and ask: at most a tenth while messages flow.
constexpr int kShare = 9;
constexpr Duration kLookInterval{200'000};

Result<base::Descriptor, Error> block_signals() {
  sigset_t mine;
  sigemptyset(&mine);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&mine, signal);
  ::pthread_sigmask(SIG_BLOCK, &mine, nullptr);
  base::Descriptor signals(::signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) return system_failure("cannot create a signalfd", errno);
  return signals;
}

// Three descriptors for each program, one for each socket that is polled.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string with_note(const client::MadeEngine& made) {
  return made.note.empty() ? made.description : made.description + " (" + made.note + ")";
}

std::uint64_t host_memory(const DaemonConfig& config) {
  if (config.memory > 0) return config.memory;
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 2;
}

void watch(int epoll, int descriptor, std::uint64_t event_data) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = event_data;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

}  // namespace

Result<std::unique_ptr<Daemon>, Error> Daemon::start(const DaemonConfig& config,
                                                     const std::string& file, bool replace) {
  try {
    return start_or_throw(config, file, replace);
  } catch (const std::bad_alloc&) {
    return client::out_of_memory();
  } catch (const std::system_error& failed) {
    return failure(ErrorCode::kSystem,
                   "cannot start the thread that writes the log: " + failed.code().message() +
                       "; raise the limit of threads (ulimit -u, the cgroup's pids.max)");
  }
}

Result<std::unique_ptr<Daemon>, Error> Daemon::start_or_throw(const DaemonConfig& config,
                                                              const std::string& file,
                                                              bool replace) {
  raise_descriptor_limit();
  auto signals = block_signals();
  if (!signals) return Unexpected(signals.error());
  base::Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return system_failure("cannot create an epoll descriptor", errno);
  auto state = base::Mapping::create_populated(sizeof(channel::EngineState));
  if (!state) return Unexpected(state.error());
  if (auto sealed = state->forbid_others_to_write(); !sealed) return Unexpected(sealed.error());
  const auto reloaded = channel::create_descriptor();
  if (!reloaded) return Unexpected(reloaded.error());
  Parts parts;
  parts.epoll = std::move(epoll);
  parts.signals = std::move(signals).value();
  parts.reloaded = base::Descriptor(*reloaded);
  base::Descriptor packets;
  if (replace) {
    auto left = take_over(config.socket);
    if (!left) return Unexpected(left.error());
    if (*left) {
      parts.listener = std::move((*left)->listener);
      packets = std::move((*left)->packets);
    }
  }
  if (!parts.listener.socket.valid()) {
    auto listener = listen_at(config.socket);
    if (!listener) return Unexpected(listener.error());
    parts.listener = std::move(listener).value();
  }
  auto* const engine_state = new (state->bytes().data()) channel::EngineState;
  auto made = client::make_engine(
      config.host, parts.epoll.get(),
      std::shared_ptr<channel::EngineState>(engine_state, [](channel::EngineState*) {}),
      packets.get());
  if (!made) return Unexpected(made.error());
  parts.made = std::move(made).value();
  parts.state = std::move(state).value();
  return std::unique_ptr<Daemon>(new Daemon(config, file, std::move(parts)));
}

Daemon::Daemon(const DaemonConfig& config, const std::string& file, Parts parts)
    : config_(config),
      file_(file),
      log_(STDERR_FILENO, config.log_format, config.log_level),
      epoll_(std::move(parts.epoll)),
      signals_(std::move(parts.signals)),
      reloaded_(std::move(parts.reloaded)),
      state_memory_(std::move(parts.state)),
      engine_(std::move(parts.made.engine)),
      state_(*reinterpret_cast<channel::EngineState*>(state_memory_.bytes().data())),
      listener_(std::move(parts.listener)),
      context_{*engine_,
               log_,
               with_note(parts.made),
               parts.made.address,
               state_memory_.descriptor(),
               [this] { return counters(); },
               [this](int connection, const Credentials& who) {
                 return begin_replacement(connection, who);
               }},
      server_(std::make_unique<ControlServer>(epoll_.get(), listener_.socket.get(), context_,
                                              config.policy)) {
  engine_->set_memory_total(host_memory(config));
  watch(epoll_.get(), signals_.get(), kSignalEvent);
  watch(epoll_.get(), reloaded_.get(), kReloadedEvent);
  watch(epoll_.get(), engine_->requests_descriptor(), kRequestsEvent);
  engine_->set_log([this](const LogLine& line) { log_.write(line); });
}

Daemon::~Daemon() = default;

void Daemon::give_up_privileges() {
  if (!config_.sandbox) return;
  // "auto" may have become xdp.
  const bool xdp = context_.description.starts_with("xdp");
  const auto entered = enter_sandbox(xdp ? SandboxFor::kXdp : SandboxFor::kSockets);
  if (entered) return;
  log_.write(LogLevel::kWarning, "keeps more rights than it needs",
             {{"why", entered.error().text}});
}

void Daemon::run() {
  shorten_time_slice();
  give_up_privileges();
  log_.write(LogLevel::kInfo, "ready",
             {{"socket", config_.socket}, {"engine", context_.description}});
  supervisor_.ready(context_.description);
  engine::PollWorth poll{Duration(config_.host.poll)};
  poll.begin(engine::clock_now());
  while (!stopping_ && engine_->running()) {
    const Time now = engine::clock_now();
    const std::size_t done = engine_->step(now);
    if (now >= look_again_) look_around(now);
    if (done > 0) {
      poll.worked(now);
    } else if (poll.looks(now)) {
      channel::yield();  // a program that we wait for may need this very core
    } else {
      server_->look_at_engine(now);
      poll.goes_to_sleep(now);
      engine_->sleep(now, next_deadline(now));
      look_around(engine::clock_now());
    }
    if (leaving_ && is_replaced(engine::clock_now(), done)) break;
  }
  stop();
}

Time Daemon::next_deadline(Time now) const {
  const Time next = std::min(server_->next_deadline(), supervisor_.next_deadline());
  return leaving_ ? std::min(next, now + Leaving::kLook) : next;
}

void Daemon::stop() {
  supervisor_.stopping();
  const bool replaced = leaving_ && engine_->running() && !stopping_;
  if (!replaced) ::unlink(config_.socket.c_str());
  const int socket = engine_->transferable_socket();
  const base::Descriptor packets(socket < 0 ? -1 : ::fcntl(socket, F_DUPFD_CLOEXEC, 0));
  engine_->close(kCloseAtMost);
  if (replaced && !hand_over(successor_.get(), listener_, packets.get())) {
    log_.write(LogLevel::kError, "nobody took this homad's place");
    ::unlink(config_.socket.c_str());
  }
  server_.reset();
  const char* const why = replaced    ? "another homad takes its place"
                          : stopping_ ? "a signal"
                                      : "the engine ran out of memory";
  log_.write(replaced || stopping_ ? LogLevel::kInfo : LogLevel::kError, "stopped", {{"why", why}});
}

Result<void, Error> Daemon::begin_replacement(int connection, const Credentials& who) {
  if (who.user != 0 && who.user != ::geteuid()) {
    return failure(ErrorCode::kNotPermitted, "only root and homad's own user may replace homad");
  }
  if (leaving_) return failure(ErrorCode::kInUse, "another homad takes this one's place already");
  successor_ = base::Descriptor(::fcntl(connection, F_DUPFD_CLOEXEC, 0));
  if (!successor_.valid()) return system_failure("cannot keep a connection", errno);
  log_.write(LogLevel::kInfo, "is replaced",
             {{"pid", std::to_string(who.pid)},
              {"in_progress", std::to_string(engine_->endpoint().rpcs_in_progress())}});
  leaving_.emplace(engine::clock_now());
  state_.leaving.store(1, std::memory_order_seq_cst);
  server_->pause(true);
  return {};
}

bool Daemon::is_replaced(Time now, std::size_t done) {
  pollfd successor{successor_.get(), POLLRDHUP, 0};
  if (::poll(&successor, 1, 0) != 0) {
    log_.write(LogLevel::kWarning, "goes on", {{"why", "who was to take its place is gone"}});
    leaving_.reset();
    successor_ = base::Descriptor();
    state_.leaving.store(0, std::memory_order_seq_cst);
    server_->pause(false);
    return false;
  }
  return leaving_->may_leave(now, done > 0 || engine_->endpoint().rpcs_in_progress() > 0);
}

void Daemon::look_around(Time now) {
  std::array<epoll_event, kEventsAtOnce> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kSignalEvent) {
      take_signals();
    } else if (event.data.u64 == kReloadedEvent) {
      finish_reload();
    } else if (event.data.u64 == kRequestsEvent) {
      engine_->answer_requests();
    } else {
      server_->handle(event);
    }
  }
  server_->look_at_engine(now);
  server_->on_time(now);
  supervisor_.on_time(now);
  const Time ended = engine::clock_now();
  look_again_ = ended + std::max(kLookInterval, (ended - now) * kShare);
}

void Daemon::take_signals() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal)) {
    if (signal.ssi_signo == SIGHUP) {
      reload();
    } else {
      stopping_ = true;
    }
  }
}

// In a thread of its own: the file may be on a slow disk, and users in a slow directory.
void Daemon::reload() {
  if (file_.empty() || reloading_.valid()) {
    return log_.write(
        LogLevel::kWarning, "does not reload",
        {{"why", file_.empty() ? "there is no configuration file" : "it reads the file just now"}});
  }
  const client::SignalsBlocked inherited;
  try {
    reloading_ = std::async(std::launch::async, [this] {
      auto config = read_config(file_);
      channel::signal_descriptor(reloaded_.get());
      return config;
    });
  } catch (const std::system_error& failed) {
    log_.write(LogLevel::kError, "does not reload", {{"why", failed.code().message()}});
  }
}

void Daemon::finish_reload() {
  channel::clear_descriptor(reloaded_.get());
  if (!reloading_.valid()) return;
  const auto config = reloading_.get();
  if (!config) {
    return log_.write(LogLevel::kError, "goes on with the former configuration",
                      {{"why", config.error().text}});
  }
  server_->set_policy(config->policy);
  engine_->set_memory_total(host_memory(*config));
  log_.set_least(config->log_level);
  log_.write(LogLevel::kInfo, "reloaded", {{"file", file_}});
  for (const std::string& part : needs_restart(config_, *config)) {
    log_.write(LogLevel::kWarning, "needs a new start", {{"for", part}});
  }
}

std::string Daemon::counters() const {
  std::string text;
  for (const Counter& counter :
       client::read_counters(engine_->counters(), engine_->io_statistics())) {
    text += counter.name + " " + std::to_string(counter.value) + " " + counter.meaning + "\n";
  }
  return text;
}

}  // namespace homa::daemon
