// Programs' days: requests of all sizes by several threads, aborts, servers and sockets that come
// and go. Nothing is lost or doubled, every byte is right, and descriptors and memory come back.
// Run it over a network that loses packets. For 3 s; with HOMA_TEST_LONG=1 for 10 minutes.
#include <dirent.h>
#include <sys/ioctl.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string_view>
#include <thread>

#include "interface.h"

namespace homa::testing {
namespace {

using Clock = std::chrono::steady_clock;
constexpr Outcome kOk{0, 0};

constexpr std::uint16_t kSteadyPort = 4'000;    // its servers are there all the time
constexpr std::uint16_t kFleetingPort = 4'100;  // its server is closed and opened again
constexpr int kFamilies[] = {AF_INET, AF_INET6};
constexpr std::size_t kMemory = 512 * HOMA_BPAGE_SIZE;

std::chrono::seconds duration() {
  const char* const wanted = std::getenv("HOMA_TEST_LONG");
  return std::chrono::seconds(wanted != nullptr && std::string_view(wanted) == "1" ? 600 : 3);
}

// A port for each family, because both families share ports.
std::uint16_t port_of(std::uint16_t first, int family) {
  return static_cast<std::uint16_t>(first + (family == AF_INET ? 0 : 1));
}

// A request says what its response is to be.
struct Order {
  std::uint64_t seed = 0;
  std::uint32_t response_bytes = 0;
  std::uint32_t answer = 1;  // 0: none comes for long
};

std::string make_request(const Order& order, std::size_t length) {
  std::string text = pattern(std::max(length, sizeof(order)), order.seed);
  std::memcpy(text.data(), &order, sizeof(order));
  return text;
}

// Whether all bytes are as they were sent.
bool read_request(const std::string& text, Order& order) {
  if (text.size() < sizeof(order)) return false;
  std::memcpy(&order, text.data(), sizeof(order));
  return text == make_request(order, text.size());
}

struct Tally {
  std::atomic<std::uint64_t> responses{0}, aborted{0}, failures{0}, sockets{0};
};

class Server {
 public:
  Server(int family, std::uint16_t first_port, int threads) : socket_(family) {
    EXPECT_EQ(socket_.give_memory(kMemory), kOk);
    EXPECT_EQ(socket_.bind(port_of(first_port, family)), kOk);
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
  }
  ~Server() {
    ::shutdown(socket_.fd(), SHUT_RDWR);
    for (std::thread& thread : threads_) thread.join();
  }
  HomaSocket& socket() { return socket_; }
  // Answers those whose clients wait no more.
  void answer_late() {
    const std::lock_guard lock(mutex_);
    for (const auto& [request, order] : late_) respond(request, order);
    late_.clear();
  }

 private:
  void serve() {
    std::vector<std::uint32_t> back;
    for (;;) {
      const auto request = socket_.receive_keeping(0, 0, back);
      if (request.outcome.result < 0) {
        EXPECT_EQ(request.outcome, failed(ESHUTDOWN));
        return;
      }
      back.assign(request.args.bpage_offsets, request.args.bpage_offsets + request.args.num_bpages);
      Order order;
      ASSERT_TRUE(read_request(request.text, order)) << "a request came as it was not sent";
      if (order.answer != 0) {
        respond(request, order);
        continue;
      }
      const std::lock_guard lock(mutex_);
      late_.emplace_back(request, order);
    }
  }
  void respond(const HomaSocket::Received& request, const Order& order) {
    const Outcome sent = socket_.respond(request, pattern(order.response_bytes, order.seed + 1));
    EXPECT_TRUE(sent == kOk || sent == failed(ESHUTDOWN) || sent == failed(EINVAL));
  }

  HomaSocket socket_;
  std::mutex mutex_;
  std::vector<std::pair<HomaSocket::Received, Order>> late_;
  std::vector<std::thread> threads_;
};

// One client's socket, from its opening to its end.
class Client {
 public:
  Client(int family, std::mt19937_64& random, Tally& tally)
      : socket_(family), random_(random), tally_(tally) {
    ++tally_.sockets;
    EXPECT_EQ(socket_.give_memory(kMemory), kOk);
  }

  void work(int requests) {
    for (int i = 0; i < requests; ++i) {
      start();
      if (random_() % 40 == 0) abort_one();
      while (outstanding_.size() > random_() % 8) {
        if (!receive()) return;
      }
    }
    // Some sockets are closed while RPCs are under way.
    if (random_() % 4 == 0) return;
    while (!outstanding_.empty()) {
      if (!receive()) return;
    }
  }

 private:
  struct Call {
    Order order;
    bool steady = true;
    bool is_private = false;
    int aborted = 0;  // the errno that it was aborted with
  };

  std::size_t some_length() {
    switch (random_() % 20) {
      case 0: return 1 + random_() % 1'000'000;
      case 1: return 65'536 * (1 + random_() % 4);
      case 2:
      case 3: return 1 + random_() % 100'000;
      default: return 1 + random_() % 1'500;
    }
  }

  void start() {
    Call call;
    call.order = {random_(), static_cast<std::uint32_t>(some_length()), 1};
    call.steady = random_() % 10 != 0;
    call.is_private = random_() % 3 == 0;
    if (random_() % 50 == 0) call.order.answer = 0;
    const std::uint16_t port = port_of(call.steady ? kSteadyPort : kFleetingPort, socket_.family());
    const std::uint64_t cookie = call.order.seed;
    const std::uint64_t id = socket_.request(port, make_request(call.order, some_length()), cookie,
                                             call.is_private ? HOMA_SENDMSG_PRIVATE : 0);
    EXPECT_TRUE(outstanding_.emplace(id, call).second) << "an id is given once";
    if (call.order.answer == 0) abort(id, random_() % 2 == 0 ? EIO : 0);
  }

  void abort_one() {
    if (!outstanding_.empty()) abort(outstanding_.begin()->first, ECONNRESET);
  }
  // An RPC that ended just now can be aborted no more: its outcome comes.
  void abort(std::uint64_t id, int error) {
    homa_abort_args args{id, static_cast<std::uint32_t>(error), 0, {0, 0}};
    const Outcome done = Outcome::of(::ioctl(socket_.fd(), HOMAIOCABORT, &args));
    if (done != kOk) {
      EXPECT_EQ(done, failed(EINVAL));
    } else if (error == 0) {
      outstanding_.erase(id);
      ++tally_.aborted;
    } else {
      outstanding_[id].aborted = error;
    }
  }

  // False: there is nothing that could be waited for.
  bool receive() {
    std::uint64_t id = 0;  // of a private one, when there are no others
    for (const auto& [one, call] : outstanding_) {
      id = call.is_private ? one : 0;
      if (id == 0) break;
    }
    const auto received = socket_.receive(id);
    const auto found = outstanding_.find(received.args.id);
    if (found == outstanding_.end()) {
      ADD_FAILURE() << "of an RPC that is not under way: "
                    << ::testing::PrintToString(received.outcome);
      return false;
    }
    const Call& call = found->second;
    EXPECT_EQ(received.args.completion_cookie, call.order.seed);
    EXPECT_TRUE(id == 0 ? !call.is_private : received.args.id == id);
    if (received.outcome.result >= 0) {
      EXPECT_EQ(received.text, pattern(call.order.response_bytes, call.order.seed + 1));
      EXPECT_NE(call.order.answer, 0U);
      ++tally_.responses;
    } else if (received.outcome.error == call.aborted) {
      ++tally_.aborted;
    } else {
      EXPECT_FALSE(call.steady) << std::strerror(received.outcome.error);
      ++tally_.failures;
    }
    outstanding_.erase(found);
    return true;
  }

  HomaSocket socket_;
  std::mt19937_64& random_;
  Tally& tally_;
  std::map<std::uint64_t, Call> outstanding_;
};

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* const folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

// In kB, by the name that /proc/self/status has for it.
std::size_t memory(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10);
  }
  return 0;
}

constexpr bool sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return false;
#endif
}

class Churn : public ::testing::Test {
 protected:
  void run(std::chrono::milliseconds time) {
    const auto end = Clock::now() + time;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] {
        std::mt19937_64 random(seed_ * 100 + i);
        while (Clock::now() < end && !HasFailure()) {
          Client client(kFamilies[random() % 2], random, tally_);
          client.work(5 + static_cast<int>(random() % 60));
        }
      });
    }
    std::mt19937_64 random(seed_ * 100 + 99);
    while (Clock::now() < end && !HasFailure()) {
      const Server fleeting(kFamilies[random() % 2], kFleetingPort, 1);
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 60));
    }
    for (std::thread& thread : threads) thread.join();
    ++seed_;
  }

  Tally tally_;
  std::uint64_t seed_ = 1;
};

TEST_F(Churn, NothingIsLostAndEverythingComesBack) {
  std::vector<std::unique_ptr<Server>> servers;
  for (const int family : kFamilies) {
    servers.push_back(std::make_unique<Server>(family, kSteadyPort, 2));
  }
  const std::uint64_t free_before = servers[0]->socket().info().bpool_avail_bytes;
  const std::chrono::milliseconds all = duration();
  run(all / 3);
  const std::size_t descriptors = open_descriptors();
  const std::size_t size = memory("VmSize"), resident = memory("VmRSS");
  run(all * 2 / 3);
  for (int i = 0; i < 500 && open_descriptors() > descriptors; ++i) ::usleep(10'000);
  EXPECT_LE(open_descriptors(), descriptors);
  if (!sanitized()) {
    EXPECT_LT(memory("VmSize"), size + (300 << 10)) << "kB";
    EXPECT_LT(memory("VmRSS"), resident + (100 << 10)) << "kB";
  }
  EXPECT_GT(tally_.responses.load(), 20U);
  EXPECT_GT(tally_.sockets.load(), 3U);
  for (const auto& server : servers) {
    server->answer_late();
    for (int i = 0; i < 1'000 && server->socket().info().num_rpcs > 0; ++i) ::usleep(10'000);
    EXPECT_EQ(server->socket().info().num_rpcs, 0U);
    EXPECT_GE(server->socket().info().bpool_avail_bytes + (4U << 20), free_before);
  }
  std::cout << tally_.responses << " responses, " << tally_.aborted << " aborted, "
            << tally_.failures << " failed at the server that comes and goes, " << tally_.sockets
            << " sockets; resident " << resident << " kB, then " << memory("VmRSS") << " kB\n";
}

}  // namespace
}  // namespace homa::testing
