// bench_net: requests and answers between two hosts joined by a veth pair, each on a core of its
// own, over Homa, bare sockets and bare AF_XDP. bench_peers: the same with gRPC, ZeroMQ and nng.
//
//   bench_net --transport homa-xdp --transport xdp --transport tcp ...   one line of JSON each
//
// Several transports run interleaved, --rounds times, and the best round of each counts: on a
// machine with other work the best is what repeats. Needs root (it builds a lab).
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <new>
#include <optional>
#include <thread>
#include <vector>

#include "net_transport.h"
#include "report.h"
#include "tools/lab/lab.h"
#include "tools/process/process.h"

namespace homa::bench {

std::string host_address(int host) { return tools::Lab::host_address(host); }

namespace {

std::vector<const Transport*>& transports() {
  static std::vector<const Transport*> all;
  return all;
}

Result<const Transport*, Error> transport_of(const NetCase& what) {
  std::string names;
  for (const Transport* each : transports()) {
    const bool is_family = each->name.ends_with('-');
    if (is_family ? what.transport.starts_with(each->name) : what.transport == each->name) {
      return each;
    }
    names += " " + each->name + (is_family ? "*" : "");
  }
  return Unexpected(Error{ErrorCode::kInvalidArgument,
                          "no transport \"" + what.transport + "\"; there are:" + names});
}

}  // namespace

Transport::Transport(std::string its_name, MakeServer server, MakeClient client)
    : name(std::move(its_name)), make_server(server), make_client(client) {
  transports().push_back(this);
}

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

double cpu_seconds(pid_t process) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// What the two processes and their parent tell each other.
struct Shared {
  std::atomic<bool> serving{false};
  std::atomic<bool> stop{false};
  std::atomic<bool> failed{false};
  double server_cpu = 0;
  double client_cpu = 0;
  double seconds = 0;
  std::uint64_t answers = 0;
  double median_us = 0, p99_us = 0;
};

struct Measured {
  double per_second = 0, median_us = 0, p99_us = 0, client_cpu = 0, server_cpu = 0;
};

void take_place(const NetCase& what, int core) {
  if (!what.any_core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(core), &set);
    ::sched_setaffinity(0, sizeof set, &set);
  }
  if (what.normal_scheduling) return;
  // On a machine with other work: ours first. Without the privilege it is a measurement with noise.
  const sched_param first{1};
  ::sched_setscheduler(0, SCHED_FIFO, &first);
}

void complain(Shared& shared, const std::string& text) {
  std::fprintf(stderr, "bench_net: %s\n", text.c_str());
  shared.failed = true;
}

void run_server(const NetCase& what, Shared& shared) {
  const auto transport = transport_of(what);
  if (!transport) return complain(shared, transport.error().text);
  auto server = (*transport)->make_server(what);
  if (!server) return complain(shared, server.error().text);
  shared.serving = true;
  (*server)->serve(shared.stop);
}

// Closed loop for `seconds`; one request at a time also gives its round trips.
void loop(Client& client, const NetCase& what, double seconds, Shared& shared,
          std::vector<float>* round_trips) {
  client.start(what.outstanding);
  const auto start = Clock::now();
  const auto until = start + std::chrono::duration_cast<Clock::duration>(Seconds(seconds));
  auto last = start;
  std::uint64_t answers = 0;
  std::uint32_t unanswered = what.outstanding;
  while (true) {
    const std::uint32_t got = client.poll();
    if (got == 0) {
      const auto now = Clock::now();
      if (now - last > std::chrono::seconds(2)) return complain(shared, "no answers");
      if (now >= until) break;
      continue;
    }
    answers += got;
    const auto now = Clock::now();
    if (round_trips != nullptr && what.outstanding == 1) {
      round_trips->push_back(std::chrono::duration<float, std::micro>(now - last).count());
    }
    last = now;
    unanswered -= got;
    if (now >= until) break;
    client.start(got);
    unanswered += got;
    if (what.outstanding == 1) last = now;
  }
  shared.seconds = Seconds(Clock::now() - start).count();
  shared.answers = answers;
  while (unanswered > 0 && Clock::now() - last < std::chrono::seconds(2)) {
    unanswered -= std::min(unanswered, client.poll());
  }
}

void run_client(const NetCase& what, double seconds, pid_t server_process, Shared& shared) {
  const auto transport = transport_of(what);
  if (!transport) return complain(shared, transport.error().text);
  auto client = (*transport)->make_client(what);
  if (!client) return complain(shared, client.error().text);
  loop(**client, what, seconds / 4, shared, nullptr);  // warms up
  std::vector<float> round_trips;
  round_trips.reserve(what.outstanding == 1 ? 2'000'000 : 0);
  const double before = cpu_seconds(::getpid());
  const double server_before = cpu_seconds(server_process);
  if (!shared.failed) loop(**client, what, seconds, shared, &round_trips);
  shared.client_cpu = cpu_seconds(::getpid()) - before;
  shared.server_cpu = cpu_seconds(server_process) - server_before;
  shared.stop = true;
  if (round_trips.empty()) return;
  std::sort(round_trips.begin(), round_trips.end());
  shared.median_us = round_trips[round_trips.size() / 2];
  shared.p99_us = round_trips[round_trips.size() * 99 / 100];
}

pid_t spawn(const tools::Lab& lab, const NetCase& what, int host, int core,
            const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  take_place(what, core);
  if (!tools::enter_namespace(lab.host_namespace(host))) ::_exit(1);
  work();
  ::_exit(0);
}

std::optional<Measured> measure(const tools::Lab& lab, const NetCase& what, double seconds) {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Shared& shared = *new (memory) Shared;
  const pid_t server = spawn(lab, what, kServerHost, 1, [&] { run_server(what, shared); });
  while (!shared.serving && !shared.failed) std::this_thread::sleep_for(Seconds(0.001));
  const pid_t client =
      spawn(lab, what, kClientHost, 0, [&] { run_client(what, seconds, server, shared); });
  ::waitpid(client, nullptr, 0);
  shared.stop = true;
  ::waitpid(server, nullptr, 0);
  std::optional<Measured> result;
  if (!shared.failed && shared.answers > 0) {
    result = Measured{static_cast<double>(shared.answers) / shared.seconds, shared.median_us,
                      shared.p99_us, shared.client_cpu / shared.seconds,
                      shared.server_cpu / shared.seconds};
  }
  ::munmap(memory, sizeof(Shared));
  return result;
}

void print(const NetCase& what, const Measured& best) {
  const double bytes = best.per_second * (what.request + what.response);
  nlohmann::ordered_json results = {{"per_second", best.per_second}};
  if (what.outstanding == 1) {
    results["round_trip_median_us"] = best.median_us;
    results["round_trip_p99_us"] = best.p99_us;
  }
  results["gbit_per_second"] = bytes * 8 / 1e9;
  results["cpu_us_per_rpc"] = (best.client_cpu + best.server_cpu) / best.per_second * 1e6;
  results["client_cores"] = best.client_cpu;
  results["server_cores"] = best.server_cpu;
  results["cpu_seconds_per_gb"] = (best.client_cpu + best.server_cpu) / (bytes / 1e9);
  report("net." + what.transport,
         {{"request", what.request},
          {"response", what.response},
          {"outstanding", what.outstanding},
          {"connections", what.transport == "tcp" ? what.connections : 0},
          {"cpu_latency_usecs", what.cpu_latency_usecs},
          {"waiting", what.spin ? "spin" : "sleep"},
          {"poll_usecs", what.spin ? 0 : what.poll_usecs},
          {"in_place", what.in_place},
          {"threaded", what.threaded}},
         results);
}

int main(int argc, char** argv) {
  NetCase what;
  std::vector<std::string> transports = {"udp", "homa-udp", "xdp", "homa-xdp", "tcp"};
  double seconds = 0.5;
  int rounds = 3;
  bool sleep = false;
  CLI::App app("Requests and answers over Homa, bare sockets and bare AF_XDP, side by side");
  app.add_option("--transport", transports,
                 "tcp, udp, xdp, homa-udp, homa-xdp, homa-raw; grpc, zeromq, nng in bench_peers");
  app.add_option("--request", what.request, "bytes");
  app.add_option("--response", what.response, "bytes");
  app.add_option("--outstanding", what.outstanding, "requests in progress");
  app.add_option("--connections", what.connections, "of tcp");
  app.add_option("--cpu-latency", what.cpu_latency_usecs, "homa: hold C-states off, microseconds");
  app.add_option("--set", what.parameters, "homa: NAME VALUE, a parameter of the protocol");
  app.add_flag("--sleep", sleep, "wait by sleeping instead of spinning");
  app.add_option("--poll-usecs", what.poll_usecs, "homa with --sleep: poll this long before");
  app.add_flag("--threaded", what.threaded, "homa: the library's thread runs the engine");
  app.add_flag("--in-place", what.in_place,
               "homa: requests are built in place; like TCP's buffer, they are not written anew");
  app.add_flag("--normal-scheduling", what.normal_scheduling,
               "not before the machine's other work");
  app.add_flag("--any-core", what.any_core, "both processes run on any processor");
  app.add_option("--seconds", seconds, "per transport and round");
  app.add_option("--rounds", rounds, "interleaved; the best counts");
  CLI11_PARSE(app, argc, argv);
  what.spin = !sleep;

  tools::LabConfig config;
  config.name = "bench" + std::to_string(::getpid());
  config.owner = ::getpid();
  config.hosts = 2;
  config.rate = 0;
  config.direct = true;
  config.offloads = true;
  const auto built = tools::lab_up(config);
  if (!built) {
    std::fprintf(stderr, "bench_net: %s\n", built.error().text.c_str());
    return 1;
  }
  const tools::ScopedLab lab(*built);
  std::vector<std::optional<Measured>> best(transports.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < transports.size(); ++i) {
      what.transport = transports[i];
      const auto measured = measure(*lab, what, seconds);
      if (!measured) continue;
      if (!best[i] || measured->per_second > best[i]->per_second) best[i] = measured;
    }
  }
  int status = 0;
  for (std::size_t i = 0; i < transports.size(); ++i) {
    what.transport = transports[i];
    if (best[i]) {
      print(what, *best[i]);
    } else {
      status = 1;
    }
  }
  return status;
}

}  // namespace
}  // namespace homa::bench

int main(int argc, char** argv) { return homa::bench::main(argc, argv); }
