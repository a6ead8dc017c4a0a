// Limits are errors: each allocation and each system call is made to fail, one after the other,
// while hosts are opened, served, called and closed. Whatever fails, no call throws or ends the
// process, every error says something, nothing leaks, and the same work succeeds afterwards.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "daemon/daemon.h"
#include "homa/homa.h"
#include "homa/host.h"
#include "life/faults.h"
#include "support/long_tests.h"
#include "system/namespace.h"

namespace homa {
namespace {

using std::chrono::milliseconds;
using test::FaultKind;
using test::FaultPlan;
using test::FaultThread;

// How a piece of work ended. It allocates nothing, because the faults would meet that too.
struct Outcome {
  bool complete = false;
  bool wordless = false;          // an error had no text
  std::array<char, 200> error{};  // of the call that refused

  void note(std::string_view text) {
    wordless = wordless || text.empty();
    text.copy(error.data(), error.size() - 1);
  }
};

constexpr std::size_t kLong = 100'000;  // bytes of a message that needs grants and many packets

std::array<std::byte, kLong> long_message;

HostConfig config_of(bool run_in_callers) {
  HostConfig config;
  config.address = "127.0.0.1";
  config.udp_port = 0;
  config.run_in_callers = run_in_callers;
  config.receive_bytes = 4 << 20;
  config.transmit_bytes = 1 << 20;
  // A lost packet is asked for soon, and a lost RPC ends soon.
  config.parameters = {{"timeout_ticks", "60"}, {"rpcs_max", "256"}, {"finished_ids_max", "64"}};
  return config;
}

template <typename T>
bool refused(const Result<T, Error>& result, Outcome& outcome) {
  if (result) return false;
  outcome.note(result.error().text);
  return true;
}

const HostConfig kOwnThread = config_of(false);
const HostConfig kCallers = config_of(true);

// Ends early when the RPC has failed.
Result<Message, Error> next_request(Socket& server, Socket& client, RpcHandle rpc) {
  for (int i = 0; i < 200; ++i) {
    auto received = server.receive(milliseconds(10));
    if (received || received.error().code != ErrorCode::kWouldBlock) return received;
    auto ended = client.receive_response(rpc, milliseconds(0));
    if (ended || ended.error().code != ErrorCode::kWouldBlock)
      return server.receive(milliseconds(1));
  }
  return server.receive(milliseconds(1));
}

// One host that serves and calls itself: a short and a long message, an event descriptor, a status.
Outcome work_in_cpp(const HostConfig& config) {
  Outcome outcome;
  auto host = Host::open(config);
  if (refused(host, outcome)) return outcome;
  auto server = host->serve(4000);
  if (refused(server, outcome)) return outcome;
  auto client = host->client();
  if (refused(client, outcome)) return outcome;
  const SocketAddress to{host->address(), 4000};
  for (const std::size_t bytes : {std::size_t{100}, kLong}) {
    const auto rpc = client->send(to, std::span(long_message).first(bytes));
    if (refused(rpc, outcome)) return outcome;
    const auto received = next_request(*server, *client, *rpc);
    if (refused(received, outcome)) return outcome;
    if (refused(server->reply(received->rpc(), received->bytes()), outcome)) return outcome;
    const auto response = client->receive_response(*rpc, milliseconds(2'000));
    if (refused(response, outcome)) return outcome;
    if (response->kind() != Message::Kind::kResponse || response->size() != bytes) return outcome;
  }
  if (client->descriptor() < 0) {
    const auto status = client->status();
    outcome.note(status ? status->last_error.text : status.error().text);
    return outcome;
  }
  if (refused(server->status(), outcome)) return outcome;
  const auto refusal = client->receive(milliseconds(0));
  if (refusal.has_value() || refusal.error().code != ErrorCode::kWouldBlock) return outcome;
  static_cast<void>(host->counters());
  static_cast<void>(host->description());
  outcome.complete = true;
  return outcome;
}

// The same by the C interface.
Outcome work_in_c(int library_thread_only) {
  Outcome outcome;
  homa_host_config config{};
  config.size = sizeof(config);
  config.address = "127.0.0.1";
  config.udp_port = -1;
  config.library_thread_only = library_thread_only;
  config.poll_us = -1;
  config.receive_bytes = 4 << 20;
  config.transmit_bytes = 1 << 20;
  config.parameters = "timeout_ticks=60 rpcs_max=256 finished_ids_max=64";
  const auto note = [&](int error) { outcome.note(error < 0 ? homa_last_error() : ""); };
  int error = 0;
  homa_host* const host = homa_host_open(&config, &error);
  if (host == nullptr) {
    note(error);
    return outcome;
  }
  homa_socket_t* const server = homa_socket(host, 4000, &error);
  homa_socket_t* const client = server == nullptr ? nullptr : homa_socket(host, 0, &error);
  if (client == nullptr) note(error);
  const auto call = [&] {
    char text[64];
    homa_address to{};
    int length = homa_host_address(host, text, sizeof(text) - 6);
    if (length < 0) return length;
    std::memcpy(text + length, ":4000", 6);
    if (int code = homa_parse_address(text, &to); code < 0) return code;
    uint64_t id = 0;
    if (int code = homa_send(client, long_message.data(), kLong, &to, &id, 1, HOMA_PRIVATE);
        code < 0) {
      return code;
    }
    homa_message received{}, response{};
    int code = -HOMA_EWOULDBLOCK;
    for (int i = 0; i < 200 && code == -HOMA_EWOULDBLOCK; ++i) {
      code = homa_recv(server, 0, 10'000, &received);
      // Ends early when the RPC has failed.
      if (code == -HOMA_EWOULDBLOCK && homa_recv(client, id, 0, &response) == 0) return code;
    }
    if (code < 0) return code;
    code = homa_reply(server, received.data, received.length, received.id);
    homa_release(&received);
    if (code < 0) return code;
    code = homa_recv(client, id, 2'000'000, &response);
    outcome.complete = code == 0 && response.kind == HOMA_RESPONSE && response.length == kLong;
    homa_release(&response);
    return code;
  };
  if (client != nullptr) {
    if (const int code = call(); code < 0) note(code);
  }
  if (client != nullptr) homa_close(client);
  if (server != nullptr) homa_close(server);
  homa_host_close(host);
  return outcome;
}

using Work = std::function<Outcome()>;

// A thread that has ended may be listed for a moment.
test::Holdings settled_holdings(const test::Holdings& expected) {
  test::Holdings now = test::holdings();
  for (int i = 0; i < 200 && !(now == expected); ++i) {
    std::this_thread::sleep_for(milliseconds(1));
    now = test::holdings();
  }
  return now;
}

// The holdings of a process whose other threads have ended.
test::Holdings alone() {
  test::Holdings now = test::holdings();
  while (now.threads > 1) now = test::holdings();
  return now;
}

struct SweepOptions {
  bool forgives = false;   // a library of others forgets mappings when a call of its own fails
  std::uint64_t step = 1;  // every call fails once; 2: every second one
};

// Runs `work` with fault after fault until a run meets none.
void sweep(const char* name, const Work& work, FaultPlan plan, const SweepOptions& options = {}) {
  // Caches that live as long as the process are filled: the C interface's last error, and others.
  ASSERT_LT(homa_parse_address("this is no address, and the error that says so is long", nullptr),
            0);
  ASSERT_TRUE(work().complete) << name;
  test::Holdings before = alone();
  ASSERT_TRUE(work().complete) << name;
  ASSERT_EQ(settled_holdings(before), before) << "it leaks without a fault";
  constexpr std::uint64_t kAtMost = 5'000;
  std::uint64_t runs = 0;
  for (; plan.first < kAtMost; plan.first += options.step, ++runs) {
    test::plan_faults(plan);
    const Outcome outcome = work();
    test::end_faults();
    const test::Holdings after = settled_holdings(before);
    if (options.forgives) before.mappings = std::max(before.mappings, after.mappings);
    const std::string where = std::string(name) + ", fault " + std::to_string(plan.first) +
                              (plan.persistent ? " and all after it (" : " (") +
                              test::first_fault() + "): " + outcome.error.data();
    ASSERT_FALSE(outcome.wordless) << where;
    ASSERT_EQ(after, before) << where << "\n  before: " << before.to_string()
                             << "\n  after:  " << after.to_string();
    if (test::faults_fired() == 0) {
      ASSERT_TRUE(outcome.complete) << where;
      break;
    }
    const Outcome again = work();
    ASSERT_TRUE(again.complete) << "after " << where
                                << "\n  the next run said: " << again.error.data();
  }
  EXPECT_GT(runs, 0U) << name << ": nothing to make fail";
  EXPECT_LT(runs, kAtMost) << name;
}

struct Case {
  const char* name;
  Work work;
};

class Limits : public ::testing::TestWithParam<Case> {};

TEST_P(Limits, EachAllocationOfTheCallerFailsOnce) {
  FaultPlan plan;
  plan.kind = FaultKind::kAllocation;
  sweep(GetParam().name, GetParam().work, plan);
}

TEST_P(Limits, NoAllocationOfTheCallerSucceedsAnyMore) {
  FaultPlan plan;
  plan.kind = FaultKind::kAllocation;
  plan.persistent = true;
  sweep(GetParam().name, GetParam().work, plan);
}

TEST_P(Limits, EachSystemCallOfTheCallerFailsOnce) {
  FaultPlan plan;
  plan.kind = FaultKind::kCall;
  sweep(GetParam().name, GetParam().work, plan);
}

INSTANTIATE_TEST_SUITE_P(
    Interfaces, Limits,
    ::testing::Values(Case{"C++, own thread", [] { return work_in_cpp(kOwnThread); }},
                      Case{"C++, callers", [] { return work_in_cpp(kCallers); }},
                      Case{"C, own thread", [] { return work_in_c(1); }},
                      Case{"C, callers", [] { return work_in_c(0); }}),
    [](const auto& instance) {
      std::string name;
      for (const char* at = instance.param.name; *at != '\0'; ++at) {
        if (std::isalpha(*at) != 0) name += *at;
        if (*at == '+') name += 'p';
      }
      return name;
    });

// The raw back end has sockets of its own: one for each kind of packet, and one for ICMP.
TEST(LimitsOfRaw, EachSystemCallOfOpeningAndCallingFailsOnce) {
  static const HostConfig kRaw = [] {
    HostConfig config = config_of(true);
    config.backend = "raw";
    return config;
  }();
  if (const auto host = Host::open(kRaw); !host) GTEST_SKIP() << host.error().text;
  FaultPlan plan;
  plan.kind = FaultKind::kCall;
  sweep(
      "raw", [] { return work_in_cpp(kRaw); }, plan);
}

// The xdp back end has rings, a program for the device, and tables of the kernel's. Each opening of
// it takes a tenth of a second, so all its calls fail in the long form only. libxdp forgets a ring
// when it cannot map the next one.
TEST(LimitsOfXdp, SystemCallsOfOpeningAndCallingFailOnce) {
  static const HostConfig kXdp = [] {
    HostConfig config = config_of(true);
    config.backend = "xdp";
    config.address = "10.77.0.1";
    return config;
  }();
  std::string reason;
  const auto hosts = testing::TwoHosts::create(reason);
  if (!hosts) GTEST_SKIP() << reason;
  const testing::Namespace::Inside inside = hosts->a->enter();
  if (const auto host = Host::open(kXdp); !host) GTEST_SKIP() << host.error().text;
  FaultPlan plan;
  plan.kind = FaultKind::kCall;
  sweep("xdp", [] { return work_in_cpp(kXdp); }, plan, {true, test::long_tests() ? 1U : 7U});
}

// homad's start, in this process. It blocks signals, which the test undoes.
Outcome start_homad() {
  static const daemon::DaemonConfig kConfig = [] {
    daemon::DaemonConfig config;
    config.socket = "/tmp/homad-limits-" + std::to_string(::getpid());
    config.host.address = "127.0.0.1";
    config.host.udp_port = 0;
    config.log_level = LogLevel::kError;
    return config;
  }();
  static const std::string kLock = kConfig.socket + ".lock";
  Outcome outcome;
  sigset_t signals;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &signals);
  {
    const auto homad = daemon::Daemon::start(kConfig, "", false);
    outcome.complete = !refused(homad, outcome);
  }
  ::pthread_sigmask(SIG_SETMASK, &signals, nullptr);
  ::unlink(kConfig.socket.c_str());
  ::unlink(kLock.c_str());
  return outcome;
}

TEST(LimitsOfHomad, EachSystemCallOfItsStartFailsOnce) {
  FaultPlan plan;
  plan.kind = FaultKind::kCall;
  sweep("homad", start_homad, plan);
}

TEST(LimitsOfHomad, EachAllocationOfItsStartFailsOnce) {
  FaultPlan plan;
  plan.kind = FaultKind::kAllocation;
  sweep("homad", start_homad, plan);
}

TEST(LimitsOfHomad, WithoutAThreadItSaysSo) {
  FaultPlan plan;
  plan.kind = FaultKind::kCall;
  plan.call = "pthread_create";
  plan.persistent = true;
  test::plan_faults(plan);
  const Outcome outcome = start_homad();
  test::end_faults();
  EXPECT_FALSE(outcome.complete);
  EXPECT_NE(std::string_view(outcome.error.data()).find("ulimit -u"), std::string_view::npos)
      << outcome.error.data();
}

// The engine's thread.
TEST(LimitsOfTheEngine, EachAllocationFailsOnce) {
  FaultPlan plan;
  plan.kind = FaultKind::kAllocation;
  plan.thread = FaultThread::kOthers;
  sweep(
      "engine", [] { return work_in_cpp(kOwnThread); }, plan);
}

TEST(LimitsOfTheEngine, NoAllocationSucceedsAnyMore) {
  FaultPlan plan;
  plan.kind = FaultKind::kAllocation;
  plan.thread = FaultThread::kOthers;
  plan.persistent = true;
  sweep(
      "engine", [] { return work_in_cpp(kOwnThread); }, plan);
}

TEST(LimitsOfTheEngine, EachSystemCallFailsOnce) {
  FaultPlan plan;
  plan.kind = FaultKind::kCall;
  plan.thread = FaultThread::kOthers;
  sweep(
      "engine", [] { return work_in_cpp(kOwnThread); }, plan);
}

// Destructors have nobody to tell: they must do without memory.
TEST(LimitsInWords, SocketsWithUnreadMessagesCloseWithoutMemory) {
  auto host = Host::open(kCallers);
  ASSERT_TRUE(host);
  auto server = host->serve(4000);
  auto client = host->client();
  ASSERT_TRUE(server && client);
  const SocketAddress to{host->address(), 4000};
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client->send(to, std::span(long_message).first(100)));
  pollfd readable{server->descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&readable, 1, 5'000), 1);
  ASSERT_TRUE(server->status());  // takes what has come into the socket's inbox
  FaultPlan plan;
  plan.kind = FaultKind::kAllocation;
  plan.persistent = true;
  test::plan_faults(plan);
  server->close();
  client->close();
  test::end_faults();
  EXPECT_FALSE(server->is_open());
}

// What the error of Host::open() is when no call of this name succeeds.
Error error_without(const char* call) {
  FaultPlan plan;
  plan.kind = FaultKind::kCall;
  plan.persistent = true;
  plan.call = call;
  test::plan_faults(plan);
  const auto host = Host::open(kCallers);
  test::end_faults();
  return host ? Error{} : host.error();
}

TEST(LimitsInWords, WithoutAThreadTheErrorNamesTheLimit) {
  const Error error = error_without("pthread_create");
  EXPECT_EQ(error.code, ErrorCode::kSystem);
  EXPECT_NE(error.text.find("thread"), std::string::npos) << error.text;
  EXPECT_NE(error.text.find("ulimit -u"), std::string::npos) << error.text;
}

TEST(LimitsInWords, WithoutADescriptorTheErrorNamesTheLimit) {
  for (const char* call : {"socket", "eventfd"}) {
    const Error error = error_without(call);
    EXPECT_EQ(error.code, ErrorCode::kSystem) << call;
    EXPECT_NE(error.text.find("ulimit -n"), std::string::npos) << call << ": " << error.text;
  }
}

TEST(LimitsInWords, WithoutMemoryTheErrorSaysSo) {
  const Error error = error_without("mmap");
  EXPECT_EQ(error.code, ErrorCode::kNoMemory);
  EXPECT_NE(error.text.find("memory"), std::string::npos) << error.text;
}

// The kernel's own limit, not a planned failure: descriptor by descriptor.
TEST(RealLimits, OfOpenFiles) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const test::Holdings start = alone();
  std::size_t refusals = 0;
  bool complete = false;
  for (rlim_t more = 0; more < 40 && !complete; ++more) {
    const int lowest = ::dup(0);  // the first free number
    ::close(lowest);
    const rlimit tight{static_cast<rlim_t>(lowest) + more, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    const Outcome outcome = work_in_cpp(kCallers);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_FALSE(outcome.wordless);
    complete = outcome.complete;
    refusals += complete ? 0 : 1;
    const test::Holdings after = settled_holdings(start);
    ASSERT_EQ(after.descriptors, start.descriptors) << more << ": " << outcome.error.data();
    ASSERT_EQ(after.threads, start.threads) << more;
  }
  EXPECT_TRUE(complete);
  EXPECT_GT(refusals, 1U);  // a packet socket, a wake-up descriptor
}

}  // namespace
}  // namespace homa
