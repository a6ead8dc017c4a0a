// fork, exec, exit and dlclose while a host is at work (docs/operating.md#processes).
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "endtoend/hosts.h"
#include "support/sanitizers.h"

namespace homa {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::bytes_of;
using testing::EchoServer;
using testing::loopback_config;
using testing::open_host;
using testing::RunBy;
using testing::text_of;

// Runs `what` in a child and gives how it ended, as waitpid() does.
int child_status(const std::function<void()>& what) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);  // a child that hangs dies of it
    what();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

// Runs `what` in a child and gives its exit code; -1: a signal, or it did not end in 20 s.
int in_child(const std::function<void()>& what) {
  int status = child_status(what);
  // A fork leaves the address sanitizer's allocator locked if another thread was in it (GCC 12).
  // The child then hangs at its first allocation, which says nothing of the library.
  for (int again = 0; test::kSanitizers && again < 3; ++again) {
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM) break;
    status = child_status(what);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// A child reports what is wrong by its exit code.
void require(bool condition, int code) {
  if (!condition) ::_exit(code);
}

class Fork : public ::testing::TestWithParam<RunBy> {
 protected:
  // Threads that call all the time, so that forks meet every state of the library's threads.
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      callers_.emplace_back([this] {
        Socket socket = host_->client().value();
        while (!stop_) {
          const auto response = socket.call(server_->address(), bytes_of("parent"), 20s);
          if (!response || text_of(*response) != "parent") ++failed_;
          ++calls_;
        }
      });
    }
    while (calls_ == 0) std::this_thread::sleep_for(1ms);  // a call ends after 20 s at the latest
  }
  void TearDown() override {
    stop_ = true;
    for (std::thread& caller : callers_) caller.join();
    EXPECT_EQ(failed_, 0);
    EXPECT_GT(calls_, 0);
  }

  std::unique_ptr<Host> host_ = std::make_unique<Host>(open_host(loopback_config(GetParam())));
  std::unique_ptr<EchoServer> server_ = std::make_unique<EchoServer>(*host_, 4000, 2);
  std::atomic<bool> stop_{false};
  std::atomic<int> failed_{0}, calls_{0};
  std::vector<std::thread> callers_;
};

INSTANTIATE_TEST_SUITE_P(Engines, Fork, ::testing::Values(RunBy::kLibrary, RunBy::kCallers),
                         [](const auto& parameter) {
                           return parameter.param == RunBy::kLibrary ? "library" : "callers";
                         });

TEST_P(Fork, AChildsCallsSayWhoseHostItIs) {
  Socket client = host_->client().value();
  const auto expect_refused = [](const auto& result, int code) {
    require(!result && result.error().code == ErrorCode::kWrongProcess, code);
  };
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(in_child([&] {
                expect_refused(client.send(server_->address(), bytes_of("child")), 1);
                expect_refused(client.receive(0ms), 2);
                expect_refused(client.receive(), 3);
                expect_refused(client.call(server_->address(), bytes_of("child"), 1s), 4);
                expect_refused(client.status(), 5);
                expect_refused(client.abort_all(), 6);
                expect_refused(host_->client(), 7);
                expect_refused(host_->serve(4001), 8);
                require(!client.is_open() && client.descriptor() == -1 && host_->poll() == 0, 9);
                require(!host_->description().empty() && !host_->counters().empty(), 10);
                client.shutdown();
              }),
              0);
  }
  EXPECT_TRUE(client.call(server_->address(), bytes_of("parent"), 20s));
}

TEST_P(Fork, AChildThatDestroysItsCopiesDisturbsNobody) {
  auto client = std::make_unique<Socket>(host_->client().value());
  auto held =
      std::make_unique<Message>(client->call(server_->address(), bytes_of("kept"), 20s).value());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(in_child([&] {
                require(text_of(*held) == "kept", 1);
                held.reset();
                client.reset();
                host_.reset();
              }),
              0);
  }
  EXPECT_EQ(text_of(*held), "kept");
  EXPECT_TRUE(client->call(server_->address(), bytes_of("parent"), 20s));
}

TEST_P(Fork, AChildCanOpenAHostOfItsOwn) {
  EXPECT_EQ(in_child([&] {
              auto host = Host::open(loopback_config(GetParam()));
              require(host.has_value(), 1);
              auto client = host->client();
              require(client.has_value(), 2);
              const auto response = client->call(server_->address(), bytes_of("child"), 15s);
              require(response && text_of(*response) == "child", 3);
            }),
            0);
}

// What exec() would hand to another program.
std::set<std::string> inheritable_descriptors() {
  std::set<std::string> found;
  DIR* const directory = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    const int flags = ::fcntl(fd, F_GETFD);
    if (entry->d_name[0] != '.' && flags >= 0 && (flags & FD_CLOEXEC) == 0) {
      found.insert(entry->d_name);
    }
  }
  ::closedir(directory);
  return found;
}

TEST(Exec, NoDescriptorOfAHostIsHandedOn) {
  const auto before = inheritable_descriptors();
  HostConfig config = loopback_config();
  config.pcap = ::testing::TempDir() + "exec.pcap";
  Host host = open_host(config);
  EchoServer server(host, 4000);
  Socket client = host.client().value();
  ASSERT_TRUE(client.call(server.address(), bytes_of("x"), 20s));
  static_cast<void>(client.descriptor());
  EXPECT_EQ(inheritable_descriptors(), before);
  std::remove(config.pcap.c_str());
}

TEST(Exec, RawAndXdpHandNothingOn) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto before = inheritable_descriptors();
  int opened = 0;
  for (const char* backend : {"raw", "xdp"}) {
    HostConfig config;
    config.backend = backend;
    config.address = "127.0.0.1";
    const auto host = Host::open(config);
    if (!host) continue;  // not on this kernel
    ++opened;
    EXPECT_EQ(inheritable_descriptors(), before) << backend;
  }
  if (opened == 0) GTEST_SKIP() << "neither back end opens on the loopback here";
}

// exit() while the library's thread and others are at work, with hosts that nobody closes.
TEST(Exit, AtAnyMomentEndsTheProcess) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(in_child([&] {
                static Host* const host = new Host(open_host(loopback_config()));
                static EchoServer* const server = new EchoServer(*host, 4000);
                for (int thread = 0; thread < 2; ++thread) {
                  std::thread([] {
                    Socket client = host->client().value();
                    while (client.call(server->address(), bytes_of("x"), 20s)) continue;
                  }).detach();
                }
                std::this_thread::sleep_for(std::chrono::milliseconds(i * 3));
                std::exit(0);
              }),
              0);
  }
}

TEST(Exit, DestroysHostsThatAreStaticObjects) {
  EXPECT_EQ(in_child([] {
              static Host host = open_host(loopback_config());
              static Socket server = host.serve(4000).value();
              static Socket client = host.client().value();
              require(client.send({host.address(), 4000}, bytes_of("x")).has_value(), 1);
              std::exit(0);
            }),
            0);
}

// The library stays where it is while its threads run.
#if !defined(__SANITIZE_ADDRESS__)  // the host stays open on purpose: a leak to it
TEST(Dlclose, OfALibraryWithAnOpenHostIsHarmless) {
  EXPECT_EQ(in_child([] {
              void* const library = ::dlopen(HOMA_LIBRARY, RTLD_NOW | RTLD_LOCAL);
              require(library != nullptr, 1);
              using Open = void* (*)(const void*, int*);
              const auto open = reinterpret_cast<Open>(::dlsym(library, "homa_host_open"));
              require(open != nullptr, 2);
              require(open(nullptr, nullptr) != nullptr, 3);
              require(::dlclose(library) == 0, 4);
              std::this_thread::sleep_for(20ms);  // its thread takes over meanwhile
              std::exit(0);
            }),
            0);
}
#endif

}  // namespace
}  // namespace homa
