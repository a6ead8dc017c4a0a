#include "tools/bench/run.h"

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <thread>

#include "base/failure.h"
#include "tools/lab/lab.h"
#include "tools/process/process.h"
#include "tools/process/processor_time.h"

namespace homa::tools {
namespace {

constexpr Nanoseconds kStep = std::chrono::milliseconds(100);
constexpr Nanoseconds kSetupLimit = std::chrono::seconds(20);
constexpr double kGrowthSustained = 0.02;
constexpr double kBusyLimit = 0.97;
// Hosts whose processors are busier than that wait for them more than they run.
constexpr double kCrowded = 0.97;
constexpr Nanoseconds kCrowdedWindow = std::chrono::seconds(1);

// --- One host's process ---------------------------------------------------------------------

// The parent lets all children take each step together: a byte up, a start time down.
class Rendezvous {
 public:
  explicit Rendezvous(int fd) : fd_(fd) {}
  // Blocks until every host is here; the time the parent gave, or nothing when it is gone.
  std::optional<Nanoseconds> meet() const {
    const char here = 1;
    std::int64_t when = 0;
    if (::send(fd_, &here, 1, MSG_NOSIGNAL) != 1) return std::nullopt;
    if (::recv(fd_, &when, sizeof when, MSG_WAITALL) != sizeof when) return std::nullopt;
    return Nanoseconds(when);
  }

 private:
  int fd_;
};

Result<std::unique_ptr<BenchTransport>, Error> make_transport(const BenchSetup& setup,
                                                              std::size_t self,
                                                              const BenchProtocol& protocol,
                                                              const BenchTask& task,
                                                              const BenchPattern& pattern) {
  if (protocol.is_echo()) {
    return make_echo_transport(setup, self, protocol.kind == BenchProtocol::Kind::kTcpEcho);
  }
  if (protocol.kind == BenchProtocol::Kind::kGrpc) {
    return make_grpc_transport(setup, self, protocol, pattern);
  }
  if (!protocol.is_homa()) return make_tcp_transport(setup, self, protocol, pattern);
  const std::uint32_t response =
      std::visit([](const auto& each) { return each.response_bytes; }, task);
  return make_homa_transport(setup, self, response, pattern);
}

Result<void, Error> host_work(const BenchSetup& setup, std::size_t self,
                              const BenchProtocol& protocol, const BenchTask& task,
                              const BenchShared& shared, const Rendezvous& rendezvous) {
  const std::string& in = setup.hosts[self].network_namespace;
  if (!in.empty()) {
    if (const auto entered = enter_namespace(in); !entered) return entered;
  }
  const BenchPattern pattern(setup.message_bytes_max);
  auto transport = make_transport(setup, self, protocol, task, pattern);
  if (!transport) return Unexpected(transport.error());
  const Error orphaned{ErrorCode::kCancelled, "the benchmark's parent process is gone"};
  if (!rendezvous.meet()) return Unexpected(orphaned);
  if (const auto connected = (*transport)->connect(); !connected) return connected;
  const std::string words = (*transport)->description();
  std::strncpy(shared.host(self).description.data(), words.c_str(),
               shared.host(self).description.size() - 1);
  const auto start = rendezvous.meet();
  if (!start) return Unexpected(orphaned);
  if (const auto* load = std::get_if<BenchLoad>(&task)) {
    LoadGenerator(*load, shared, self, **transport).run(*start);
  } else {
    run_unloaded(std::get<UnloadedPlan>(task), shared, self, **transport);
  }
  const std::string counters = (*transport)->counters();
  std::strncpy(shared.host(self).counters.data(), counters.c_str(),
               shared.host(self).counters.size() - 1);
  // Nobody leaves while others may still ask: a late answer would count as a failure.
  (void)rendezvous.meet();
  return {};
}

// Hosts stand for machines of their own: one that wakes up should not wait until another program
// has used its time slice, milliseconds long by default. Linux lets a task with a shorter slice
// pass (6.12 and later; refused before, which costs accuracy only).
// With root's leave they also come before what else runs on the machine.
void ask_for_prompt_wake_ups() {
  struct Attributes {  // as in sched_setattr(2); glibc 2.36 has no declaration
    std::uint32_t size = 48;
    std::uint32_t policy = SCHED_OTHER;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t slice_ns = 100'000;  // the least there is
    std::uint64_t deadline_ns = 0, period_ns = 0;
  } attributes;
  static_assert(sizeof(Attributes) == 48);
  for (const int nice : {-15, 0}) {
    attributes.nice = nice;
    if (::syscall(SYS_sched_setattr, 0, &attributes, 0U) == 0) return;
  }
}

// Two that spin on one CPU would measure the scheduler.
void take_own_cpu(std::size_t self) {
  const std::vector<int> cpus = allowed_cpus();
  if (!cpus.empty()) stay_on({cpus[self % cpus.size()]});
}

[[noreturn]] void host_main(const BenchSetup& setup, std::size_t self,
                            const BenchProtocol& protocol, const BenchTask& task,
                            const BenchShared& shared, int fd, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_DFL);
  if (::getppid() != parent) ::_exit(1);
  // Arrivals are due to the microsecond; the default slack is 50.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  ask_for_prompt_wake_ups();
  if (setup.spin) {
    take_own_cpu(self);
  } else {
    stay_off(setup.network_cpu);
  }
  const auto worked = host_work(setup, self, protocol, task, shared, Rendezvous(fd));
  if (!worked) shared.host(self).fail(worked.error().text);
  shared.host(self).done.store(true);
  ::_exit(worked ? 0 : 1);
}

// --- The parent -----------------------------------------------------------------------------

struct Child {
  pid_t pid = -1;
  int fd = -1;
};

class Children {
 public:
  ~Children() {
    for (Child& child : children_) {
      if (child.fd >= 0) ::close(child.fd);
      if (child.pid > 0) {
        ::kill(child.pid, SIGKILL);
        ::waitpid(child.pid, nullptr, 0);
      }
    }
  }

  Result<void, Error> start(const BenchSetup& setup, const BenchProtocol& protocol,
                            const BenchTask& task, const BenchShared& shared) {
    const pid_t parent = ::getpid();
    for (std::size_t self = 0; self < setup.hosts.size(); ++self) {
      std::array<int, 2> ends{};
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return system_failure("socketpair", errno);
      }
      const pid_t pid = ::fork();
      if (pid == 0) host_main(setup, self, protocol, task, shared, ends[1], parent);
      const int error = errno;
      ::close(ends[1]);
      children_.push_back({pid, ends[0]});
      if (pid < 0) return system_failure("fork", error);
    }
    return {};
  }

  // True when all have arrived at their next meeting; false when one never will.
  bool all_here() {
    const Nanoseconds limit = bench_now() + kSetupLimit;
    for (const Child& child : children_) {
      pollfd waiting{child.fd, POLLIN, 0};
      char here = 0;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(limit - bench_now());
      const int ready =
          ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(1, left.count())));
      if (ready <= 0 || ::recv(child.fd, &here, 1, 0) != 1) return false;
    }
    return true;
  }

  void release(Nanoseconds when) {
    const std::int64_t value = when.count();
    for (const Child& child : children_) {
      // A child that is gone is noticed at the next meeting.
      (void)!::send(child.fd, &value, sizeof value, MSG_NOSIGNAL);
    }
  }

  // All threads of all of them.
  void stay_on(const std::vector<int>& cpus) {
    for (const Child& child : children_) {
      std::error_code gone;
      for (const auto& thread :
           std::filesystem::directory_iterator(fmt::format("/proc/{}/task", child.pid), gone)) {
        tools::stay_on(cpus, static_cast<pid_t>(std::stol(thread.path().filename())));
      }
    }
  }

  // Whether a process has died. Its reason is in its shared state.
  bool any_dead() {
    for (Child& child : children_) {
      int status = 0;
      if (child.pid > 0 && ::waitpid(child.pid, &status, WNOHANG) == child.pid) {
        child.pid = -1;
        return true;
      }
    }
    return false;
  }

 private:
  std::vector<Child> children_;
};

Error failure(const BenchShared& shared) {
  if (StopGuard::stop_requested()) return {ErrorCode::kCancelled, "interrupted"};
  for (std::size_t host = 0; host < shared.hosts(); ++host) {
    if (shared.host(host).error[0] == 0) continue;
    return {ErrorCode::kSystem,
            fmt::format("host {}: {}", host + 1, shared.host(host).error.data())};
  }
  return {ErrorCode::kSystem, "a host process died without saying why"};
}

struct Totals {
  std::uint64_t started = 0, finished = 0, bytes_started = 0, bytes_finished = 0;
  bool all_done = true;
};

Totals totals(const BenchShared& shared) {
  Totals sum;
  for (std::size_t i = 0; i < shared.hosts(); ++i) {
    const BenchHostState& host = shared.host(i);
    sum.finished += host.rpcs_finished.load(std::memory_order_relaxed);
    sum.bytes_finished += host.bytes_finished.load(std::memory_order_relaxed);
    sum.started += host.rpcs_started.load(std::memory_order_relaxed);
    sum.bytes_started += host.bytes_started.load(std::memory_order_relaxed);
    sum.all_done = sum.all_done && host.done.load();
  }
  return sum;
}

// What the parent notes while the load runs.
struct Watch {
  struct Point {
    double seconds = 0, backlog = 0;
  };
  std::vector<Point> points;  // in the measured time
  Totals at_start, at_end;
  ProcessorTime machine_at_start, machine_at_end;
  Nanoseconds from{-1}, to{-1};
  bool gave_network_cpu = false;
};

// Watches whether the processors that the network leaves to the hosts suffice for them.
class HostProcessors {
 public:
  explicit HostProcessors(const BenchSetup& setup) : lab_(setup.lab), watched_(allowed_cpus()) {
    if (setup.network_cpu < 0 || setup.spin) {
      watched_.clear();
    } else {
      std::erase(watched_, setup.network_cpu);
    }
  }

  // True, once: they do not. Then the hosts have the network's processor, too.
  bool give_when_crowded(Nanoseconds now, Children& children) {
    if (watched_.empty() || now < next_) return false;
    const ProcessorTime last = std::exchange(last_, processor_time(watched_));
    const bool first = next_ == Nanoseconds::zero();
    next_ = now + kCrowdedWindow;
    if (first || busy_share(last, last_) < kCrowded) return false;
    watched_.clear();
    children.stay_on(allowed_cpus());
    // Programs that have every processor are served well enough even if this fails.
    (void)share_network_cpu(lab_);
    return true;
  }

 private:
  std::string lab_;
  std::vector<int> watched_;
  ProcessorTime last_;
  Nanoseconds next_{0};
};

// Least squares: bytes per second by which the backlog grows.
double slope(const std::vector<Watch::Point>& points) {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (const Watch::Point& point : points) {
    n += 1;
    x += point.seconds;
    y += point.backlog;
    xx += point.seconds * point.seconds;
    xy += point.seconds * point.backlog;
  }
  const double spread = n * xx - x * x;
  return n < 3 || spread <= 0 ? 0 : (n * xy - x * y) / spread;
}

Result<Watch, Error> watch_load(const BenchSetup& setup, const BenchLoad& load,
                                const BenchShared& shared, Children& children, Nanoseconds start,
                                const OnProgress& report) {
  Watch watch;
  HostProcessors processors(setup);
  const Nanoseconds from = start + load.warm_up;
  const Nanoseconds to = load.rpcs > 0 ? Nanoseconds::max() : from + load.duration;
  const Nanoseconds whole = load.warm_up + load.duration;
  for (bool over = false; !over;) {
    std::this_thread::sleep_for(kStep);
    const Nanoseconds now = bench_now();
    const Totals sum = totals(shared);
    over = sum.all_done;
    if (StopGuard::stop_requested() || (!over && children.any_dead())) {
      return Unexpected(failure(shared));
    }
    if (processors.give_when_crowded(now, children)) watch.gave_network_cpu = true;
    const std::uint64_t backlog =
        sum.bytes_started - std::min(sum.bytes_started, sum.bytes_finished);
    if (watch.from < Nanoseconds::zero() && now >= from) {
      watch.from = now;
      watch.at_start = sum;
      watch.machine_at_start = processor_time();
    }
    if (watch.from >= Nanoseconds::zero() && watch.to < Nanoseconds::zero()) {
      watch.points.push_back(
          {std::chrono::duration<double>(now - from).count(), static_cast<double>(backlog)});
      if (now >= to || over) {
        watch.to = now;
        watch.at_end = sum;
        watch.machine_at_end = processor_time();
      }
    }
    const double done =
        load.rpcs > 0
            ? static_cast<double>(sum.finished) / static_cast<double>(load.rpcs)
            : static_cast<double>((now - start).count()) / static_cast<double>(whole.count());
    const double left =
        done > 0.01 ? static_cast<double>((now - start).count()) * (1 / done - 1) : 0;
    report({std::min(done, 1.0), sum.finished, backlog,
            Nanoseconds(static_cast<std::int64_t>(std::max(left, 0.0)))});
  }
  return watch;
}

void summarize(const BenchLoad& load, const Watch& watch, BenchRun& run) {
  const double seconds = std::chrono::duration<double>(watch.to - watch.from).count();
  if (watch.from < Nanoseconds::zero() || seconds <= 0) return;
  run.measured_seconds = seconds;
  run.goodput_bits_per_second =
      static_cast<double>(watch.at_end.bytes_finished - watch.at_start.bytes_finished) * 8 /
      seconds;
  run.machine_busy = busy_share(watch.machine_at_start, watch.machine_at_end);
  run.machine_cpu_seconds = busy_seconds(watch.machine_at_start, watch.machine_at_end);
  run.gave_network_cpu = watch.gave_network_cpu;
  const auto offered =
      static_cast<double>(watch.at_end.bytes_started - watch.at_start.bytes_started) / seconds;
  if (offered > 0) run.backlog_growth = std::max(0.0, slope(watch.points)) / offered;
  run.sustained = load.concurrency > 0 || run.backlog_growth < kGrowthSustained;
  run.cpu_limited = run.machine_busy > kBusyLimit;
}

void collect(const BenchShared& shared, BenchRun& run) {
  for (std::size_t i = 0; i < shared.hosts(); ++i) {
    const BenchHostState& host = shared.host(i);
    const auto samples = shared.samples(i).first(static_cast<std::size_t>(host.samples.load()));
    run.samples.insert(run.samples.end(), samples.begin(), samples.end());
    run.host_ends.push_back(run.samples.size());
    std::istringstream counters(host.counters.data());
    std::string name;
    for (std::uint64_t value = 0; counters >> name >> value;) run.counters[name] += value;
    run.rpcs_started += host.rpcs_started;
    run.rpcs_finished += host.rpcs_finished;
    run.rpcs_failed += host.rpcs_failed;
    run.corrupt += host.corrupt;
    run.samples_dropped += host.samples_dropped;
    run.retransmissions += host.retransmissions;
    run.cpu_seconds += static_cast<double>(host.cpu_ns) / 1e9;
    run.resident_early = std::max<std::uint64_t>(run.resident_early, host.resident_early);
    run.resident_late = std::max<std::uint64_t>(run.resident_late, host.resident_late);
  }
  run.unfinished = static_cast<std::uint64_t>(
      std::count_if(run.samples.begin(), run.samples.end(),
                    [](const BenchSample& sample) { return sample.unfinished != 0; }));
  run.transport = shared.host(0).description.data();
}

std::size_t sample_room(const BenchSetup& setup, const BenchTask& task) {
  constexpr std::size_t kMost = 4'000'000;
  const auto* load = std::get_if<BenchLoad>(&task);
  if (load == nullptr) {
    const auto& plan = std::get<UnloadedPlan>(task);
    return plan.sizes.size() * static_cast<std::size_t>(plan.repeats_max + 1);
  }
  if (load->rpcs > 0) {
    return std::min<std::size_t>(kMost, load->rpcs / setup.hosts.size() + 1);
  }
  if (load->concurrency > 0) return kMost / 4;
  const double expected = load->rpcs_per_second(static_cast<int>(setup.hosts.size())) *
                          std::chrono::duration<double>(load->duration).count();
  return std::min(kMost, static_cast<std::size_t>(expected * 1.2 + 6 * std::sqrt(expected) + 100));
}

}  // namespace

Result<BenchRun, Error> run_bench(const BenchSetup& setup, const BenchProtocol& protocol,
                                  const BenchTask& task, const OnProgress& on_progress) {
  auto shared = BenchShared::create(setup.hosts.size(), sample_room(setup, task));
  if (!shared) return Unexpected(shared.error());
  Children children;
  if (const auto started = children.start(setup, protocol, task, *shared); !started) {
    return Unexpected(started.error());
  }
  if (!children.all_here()) return Unexpected(failure(*shared));  // all listen
  children.release(Nanoseconds::zero());
  if (!children.all_here()) return Unexpected(failure(*shared));  // all are connected
  const Nanoseconds start = bench_now() + kStep;
  children.release(start);

  BenchRun run;
  if (const auto* load = std::get_if<BenchLoad>(&task)) {
    const auto watch = watch_load(setup, *load, *shared, children, start, on_progress);
    if (!watch) return Unexpected(watch.error());
    summarize(*load, *watch, run);
  } else {
    while (!totals(*shared).all_done) {
      if (StopGuard::stop_requested() || children.any_dead()) return Unexpected(failure(*shared));
      std::this_thread::sleep_for(kStep);
    }
  }
  for (std::size_t i = 0; i < shared->hosts(); ++i) {
    if (shared->host(i).error[0] != 0) return Unexpected(failure(*shared));
  }
  (void)children.all_here();
  collect(*shared, run);
  children.release(Nanoseconds::zero());
  return run;
}

}  // namespace homa::tools
