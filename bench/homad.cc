// bench_homad: what homad costs, and what it gains, on this machine. Each figure stands beside the
// same with an engine in each process, or beside a Unix socket; all are measured in turns, and the
// median of the rounds counts.
//
//   bench_homad                     everything, with ratios
//   bench_homad --only round-trip   100 B there and back, one at a time: blocking, and polling 50
//   us bench_homad --only rate         requests per second, 64 outstanding bench_homad --only long
//   1 MB there and back bench_homad --only restart      how soon 20 programs are attached again
//   after a kill -9
//
// Between engines packets take the loopback; "one homad" is delivery on the same host, in memory.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "channel/control.h"
#include "homa/host.h"
#include "report.h"

namespace homa::bench {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 100;

struct Options {
  std::string homad;
  std::string only;
  double seconds = 0.5;
  int rounds = 5;
  int programs = 20;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bench_homad: %s\n", what.c_str());
  std::exit(1);
}

template <typename T>
T good(Result<T, Error> result, const char* what) {
  if (!result) fail(std::string(what) + ": " + result.error().text);
  return std::move(result).value();
}

// A process that ends with this object, and with this program.
class Process {
 public:
  explicit Process(const std::function<void()>& work) : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    work();
    ::_exit(0);
  }
  ~Process() { end(); }
  Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

 private:
  pid_t pid_;
};

class Homad {
 public:
  Homad(const Options& options, std::chrono::microseconds poll) : options_(options), poll_(poll) {
    char folder[] = "/tmp/bench-homad-XXXXXX";
    folder_ = ::mkdtemp(folder);
    start();
  }
  ~Homad() {
    process_.reset();
    std::filesystem::remove_all(folder_);
  }
  Homad(const Homad&) = delete;
  Homad& operator=(const Homad&) = delete;

  void kill() { process_.reset(); }
  // Returns when its socket is there.
  void start() {
    process_ = std::make_unique<Process>([this] {
      ::close(STDERR_FILENO);
      ::open("/dev/null", O_WRONLY);
      ::execl(options_.homad.c_str(), "homad", "--socket", socket().c_str(), "--address",
              "127.0.0.1", "--udp-port", "0", "--poll",
              (std::to_string(poll_.count()) + "us").c_str(), nullptr);
      ::_exit(127);
    });
    const auto until = Clock::now() + 10s;
    while (!good(channel::connect_control(socket()), "homad").valid()) {
      if (Clock::now() > until) fail("homad does not start: " + options_.homad);
      std::this_thread::sleep_for(200us);
    }
  }
  std::string socket() const { return folder_ + "/socket"; }

 private:
  const Options& options_;
  std::chrono::microseconds poll_;
  std::string folder_;
  std::unique_ptr<Process> process_;
};

// What is measured: a client and a server, each a process.
struct Load {
  std::uint32_t bytes = 100;  // each way
  std::uint32_t outstanding = 1;
  std::chrono::microseconds poll{0};
};

// Seconds that one exchange takes, on average.
using Measure = std::function<double(const Load&)>;

void serve(const HostConfig& config, int tell) {
  Host host = good(Host::open(config), "server's host");
  Socket socket = good(host.serve(kPort), "server's socket");
  const Address address = host.address();
  if (::write(tell, &address, sizeof(address)) != sizeof(address)) return;
  while (const auto request = socket.receive()) {
    static_cast<void>(socket.reply(request->rpc(), request->bytes()).has_value());
  }
}

double exchange(Socket& client, const SocketAddress& to, const Load& load, double seconds) {
  const std::vector<std::byte> message(load.bytes, std::byte{7});
  const auto send = [&] {
    if (auto sent = client.send(to, message); !sent) fail("send: " + sent.error().text);
  };
  std::uint64_t count = 0;
  const auto run_for = [&](double time) {
    const auto start = Clock::now();
    std::chrono::duration<double> passed{0};
    for (count = 0; passed.count() < time; passed = Clock::now() - start) {
      for (int i = 0; i < 16; ++i, ++count) {
        const auto answer = client.receive(20s);
        if (!answer || answer->kind() != Message::Kind::kResponse) fail("a call failed");
        send();
      }
    }
    return passed.count();
  };
  for (std::uint32_t i = 0; i < load.outstanding; ++i) send();
  run_for(seconds / 5);
  return run_for(seconds) / static_cast<double>(count);
}

double measure_homa(const HostConfig& server, const HostConfig& client, const Load& load,
                    double seconds) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) fail("pipe");
  const Process process([&] { serve(server, ends[1]); });
  Address address;
  if (::read(ends[0], &address, sizeof(address)) != sizeof(address)) fail("the server ended");
  for (const int end : ends) ::close(end);
  Host host = good(Host::open(client), "client's host");
  Socket socket = good(host.client(), "client's socket");
  return exchange(socket, {address, kPort}, load, seconds);
}

HostConfig config_of(const Load& load) {
  HostConfig config;
  config.poll = load.poll;
  config.receive_bytes = 16 << 20;
  return config;
}

double measure_own(const Load& load, bool run_in_callers, double seconds) {
  HostConfig config = config_of(load);
  config.engine = EngineChoice::kOwn;
  config.address = "127.0.0.1";
  config.udp_port = 0;
  config.run_in_callers = run_in_callers;
  return measure_homa(config, config, load, seconds);
}

double measure_homad(const Load& load, const Options& options, int homads) {
  const Homad first(options, load.poll);
  HostConfig server = config_of(load), client = server;
  server.engine = client.engine = EngineChoice::kDaemon;
  server.daemon_socket = client.daemon_socket = first.socket();
  if (homads == 1) return measure_homa(server, client, load, options.seconds);
  const Homad second(options, load.poll);
  client.daemon_socket = second.socket();
  return measure_homa(server, client, load, options.seconds);
}

bool transfer(int socket, std::vector<std::byte>& bytes, bool out) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t moved = out ? ::write(socket, bytes.data() + done, bytes.size() - done)
                              : ::read(socket, bytes.data() + done, bytes.size() - done);
    if (moved <= 0) return false;
    done += static_cast<std::size_t>(moved);
  }
  return true;
}

// A stream; both ends block.
double measure_unix(const Load& load, double seconds) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) fail("socketpair");
  const Process process([&] {
    std::vector<std::byte> bytes(load.bytes);
    while (transfer(ends[1], bytes, false) && transfer(ends[1], bytes, true)) {
    }
  });
  std::vector<std::byte> bytes(load.bytes, std::byte{7});
  std::uint64_t count = 0;
  const auto start = Clock::now();
  std::chrono::duration<double> passed{0};
  for (; passed.count() < seconds; passed = Clock::now() - start) {
    for (int i = 0; i < 16; ++i, ++count) {
      if (!transfer(ends[0], bytes, true) || !transfer(ends[0], bytes, false)) fail("stream");
    }
  }
  for (const int end : ends) ::close(end);
  return passed.count() / static_cast<double>(count);
}

std::map<std::string, Measure> ways(const Options& options) {
  return {
      {"unix stream", [&](const Load& load) { return measure_unix(load, options.seconds); }},
      {"own engines, library's thread",
       [&](const Load& load) { return measure_own(load, false, options.seconds); }},
      {"own engines, run by callers",
       [&](const Load& load) { return measure_own(load, true, options.seconds); }},
      {"two homads", [&](const Load& load) { return measure_homad(load, options, 2); }},
      {"one homad", [&](const Load& load) { return measure_homad(load, options, 1); }},
  };
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Seconds of one exchange by each of the ways, measured in turns.
std::map<std::string, double> compare(const Options& options, const Load& load,
                                      const std::vector<std::string>& names) {
  const auto all = ways(options);
  std::map<std::string, std::vector<double>> values;
  for (int round = 0; round < options.rounds; ++round) {
    for (const std::string& name : names) values[name].push_back(all.at(name)(load));
  }
  std::map<std::string, double> medians;
  for (const auto& [name, one] : values) medians[name] = median(one);
  return medians;
}

void report_times(const std::string& name, const Load& load,
                  const std::map<std::string, double>& times, const std::string& of,
                  const std::string& unit, const std::function<double(double)>& figure) {
  for (const auto& [way, time] : times) {
    report(name, {{"way", way}, {"poll_us", load.poll.count()}},
           {{unit, figure(time)}, {"times " + of, figure(time) / figure(times.at(of))}});
  }
}

void round_trip(const Options& options) {
  const std::string own = "own engines, library's thread";
  for (const auto poll : {0us, 50us}) {
    const Load load{100, 1, poll};
    const auto times =
        compare(options, load,
                {"unix stream", own, "own engines, run by callers", "two homads", "one homad"});
    const auto us = [](double time) { return time * 1e6; };
    report_times("round trip, 100 B", load, times, own, "median_us", us);
    report("round trip, 100 B", {{"way", "one homad"}, {"poll_us", poll.count()}},
           {{"times unix stream", times.at("one homad") / times.at("unix stream")}});
  }
}

void rate(const Options& options) {
  const std::string own = "own engines, library's thread";
  for (const auto poll : {0us, 50us}) {
    const Load load{100, 64, poll};
    const auto times =
        compare(options, load, {own, "own engines, run by callers", "two homads", "one homad"});
    report_times("64 outstanding, 100 B", load, times, own, "requests_per_second",
                 [](double time) { return 1 / time; });
  }
}

void long_messages(const Options& options) {
  for (const auto poll : {0us, 50us}) {
    const Load load{1'000'000, 1, poll};
    const auto times = compare(options, load, {"unix stream", "two homads", "one homad"});
    report_times("1 MB there and back", load, times, "unix stream", "gigabytes_per_second",
                 [](double time) { return 2e-3 / time; });
  }
}

// Calls itself over homad, and tells when it can again.
void attached_program(const HostConfig& config, std::uint16_t port, int tell) {
  Host host = good(Host::open(config), "host");
  Socket server = good(host.serve(port), "server");
  Socket client = good(host.client(), "client");
  std::thread echo([&] {
    while (const auto request = server.receive()) {
      static_cast<void>(server.reply(request->rpc(), request->bytes()).has_value());
    }
  });
  const std::array<std::byte, 100> message{};
  for (bool lost = true;;) {
    const auto answer = client.call({host.address(), port}, message, 100ms);
    if (answer && std::exchange(lost, false)) {
      const auto now = Clock::now();
      if (::write(tell, &now, sizeof(now)) != sizeof(now)) ::_exit(1);
    }
    if (!answer) lost = true;
    std::this_thread::sleep_for(1ms);
  }
}

void restart(const Options& options) {
  Homad homad(options, 50us);
  HostConfig config = config_of({});
  config.engine = EngineChoice::kDaemon;
  config.daemon_socket = homad.socket();
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) fail("pipe");
  std::vector<Process> programs;
  for (int i = 0; i < options.programs; ++i) {
    programs.emplace_back(
        [&, i] { attached_program(config, static_cast<std::uint16_t>(kPort + i), ends[1]); });
  }
  Clock::time_point last;
  const auto wait_for_all = [&] {
    for (int i = 0; i < options.programs; ++i) {
      if (::read(ends[0], &last, sizeof(last)) != sizeof(last)) fail("a program ended");
    }
  };
  wait_for_all();
  std::vector<double> times;
  for (int round = 0; round < options.rounds; ++round) {
    homad.kill();
    std::this_thread::sleep_for(200ms);  // all have noticed
    homad.start();
    const auto there = Clock::now();
    wait_for_all();
    times.push_back(std::chrono::duration<double, std::milli>(last - there).count());
  }
  report("restart after kill -9", {{"programs", options.programs}},
         {{"milliseconds_until_all_call_again", median(times)},
          {"worst_milliseconds", *std::max_element(times.begin(), times.end())}});
}

int main(int argc, char** argv) {
  CLI::App app{"What homad costs and gains, beside engines of one's own and Unix sockets"};
  Options options;
  options.homad =
      (std::filesystem::canonical("/proc/self/exe").parent_path() / "../bin/homad").string();
  const std::map<std::string, void (*)(const Options&)> parts = {
      {"round-trip", round_trip}, {"rate", rate}, {"long", long_messages}, {"restart", restart}};
  app.add_option("--homad", options.homad, "the program")->capture_default_str();
  app.add_option("--only", options.only, "one part")
      ->check(CLI::IsMember({"round-trip", "rate", "long", "restart"}));
  app.add_option("--seconds", options.seconds, "for each figure and round")->capture_default_str();
  app.add_option("--rounds", options.rounds, "the median counts")->capture_default_str();
  app.add_option("--programs", options.programs, "of the restart")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  for (const auto& [name, run] : parts) {
    if (options.only.empty() || options.only == name) run(options);
  }
  return 0;
}

}  // namespace
}  // namespace homa::bench

int main(int argc, char** argv) { return homa::bench::main(argc, argv); }
