#include "daemon/daemon.h"

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <new>
#include <utility>

#include "base/failure.h"
#include "channel/atomic.h"
#include "client/counters.h"

namespace homa::daemon {
namespace {

constexpr Duration kCloseAtMost{200'000'000};
constexpr std::size_t kEventsAtOnce = 64;
constexpr std::uint64_t kSignalEvent = 0;
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

}  // namespace

Result<std::unique_ptr<Daemon>, Error> Daemon::start(const DaemonConfig& config) {
  raise_descriptor_limit();
  auto signals = block_signals();
  if (!signals) return Unexpected(signals.error());
  base::Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return system_failure("cannot create an epoll descriptor", errno);
  auto state = base::Mapping::create_populated(sizeof(channel::EngineState));
  if (!state) return Unexpected(state.error());
  if (auto sealed = state->forbid_others_to_write(); !sealed) return Unexpected(sealed.error());
  auto listener = listen_at(config.socket);
  if (!listener) return Unexpected(listener.error());
  auto* const engine_state = new (state->bytes().data()) channel::EngineState;
  auto made = client::make_engine(
      config.host, epoll.get(),
      std::shared_ptr<channel::EngineState>(engine_state, [](channel::EngineState*) {}));
  if (!made) return Unexpected(made.error());
  return std::unique_ptr<Daemon>(new Daemon(config, std::move(epoll), std::move(signals).value(),
                                            std::move(state).value(), std::move(made).value(),
                                            std::move(listener).value()));
}

Daemon::Daemon(const DaemonConfig& config, base::Descriptor epoll, base::Descriptor signals,
               base::Mapping state, client::MadeEngine made, Listener listener)
    : config_(config),
      log_(STDERR_FILENO, config.log_format, config.log_level),
      epoll_(std::move(epoll)),
      signals_(std::move(signals)),
      state_memory_(std::move(state)),
      engine_(std::move(made.engine)),
      lock_(std::move(listener.lock)),
      context_{*engine_,
               log_,
               with_note(made),
               made.address,
               state_memory_.descriptor(),
               [this] { return counters(); }},
      server_(std::make_unique<ControlServer>(epoll_.get(), std::move(listener.socket), context_,
                                              config.policy)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kSignalEvent;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, signals_.get(), &event);
}

Daemon::~Daemon() = default;

void Daemon::run() {
  log_.write(LogLevel::kInfo, "ready",
             {{"socket", config_.socket}, {"engine", context_.description}});
  const Duration poll(config_.host.poll);
  Time last_work = engine::clock_now();
  while (!stopping_ && engine_->running()) {
    const Time now = engine::clock_now();
    const std::size_t done = engine_->step(now);
    if (now >= look_again_) look_around(now);
    if (done > 0) {
      last_work = now;
    } else if (now - last_work < poll) {
      channel::yield();  // a program that we wait for may need this very core
    } else {
      engine_->sleep(now, server_->next_deadline());
      look_around(engine::clock_now());
    }
  }
  ::unlink(config_.socket.c_str());
  engine_->close(kCloseAtMost);
  server_.reset();
  log_.write(stopping_ ? LogLevel::kInfo : LogLevel::kError, "stopped",
             {{"why", stopping_ ? "a signal" : "the engine ran out of memory"}});
}

void Daemon::look_around(Time now) {
  std::array<epoll_event, kEventsAtOnce> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kSignalEvent) {
      take_signals();
    } else {
      server_->handle(event);
    }
  }
  server_->on_time(now);
  const Time ended = engine::clock_now();
  look_again_ = ended + std::max(kLookInterval, (ended - now) * kShare);
}

void Daemon::take_signals() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal)) {
    if (signal.ssi_signo != SIGHUP) stopping_ = true;
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
