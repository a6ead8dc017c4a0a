// The lab as a user meets it: built, used, taken down, and gone whatever happened.
#include "tools/lab/lab.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

#include "tools/lab/plan.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

bool exists(const std::string& name) { return std::filesystem::exists("/run/netns/" + name); }

class LabTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto able = lab_available(); !able) GTEST_SKIP() << able.error().text;
  }
  LabConfig config(const std::string& suffix) {
    LabConfig config;
    config.name = fmt::format("test{}-{}", ::getpid(), suffix);
    config.owner = ::getpid();
    config.hosts = 3;
    return config;
  }
};

int udp_socket(int host, std::uint16_t port, int tos) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, Lab::host_address(host).c_str(), &address.sin_addr);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
  const timeval limit{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

void send_to(int fd, int host, std::uint16_t port, std::size_t bytes) {
  static const std::array<char, 1400> kBytes{};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, Lab::host_address(host).c_str(), &address.sin_addr);
  ::sendto(fd, kBytes.data(), bytes, 0, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

// Median time of a datagram from host 3 to host 1 at a priority.
microseconds one_way(const Lab& lab, int priority) {
  std::vector<microseconds> times;
  int receiver = -1, sender = -1;
  EXPECT_TRUE(in_namespace(lab.host_namespace(1), [&] { receiver = udp_socket(1, 7001, 0); }));
  EXPECT_TRUE(
      in_namespace(lab.host_namespace(3), [&] { sender = udp_socket(3, 7002, priority << 5); }));
  for (int i = 0; i < 50; ++i) {
    const auto start = steady_clock::now();
    send_to(sender, 1, 7001, 100);
    std::array<char, 200> buffer;
    if (::recv(receiver, buffer.data(), buffer.size(), 0) == 100) {
      times.push_back(std::chrono::duration_cast<microseconds>(steady_clock::now() - start));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ::close(receiver);
  ::close(sender);
  if (times.empty()) return microseconds::max();
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

TEST_F(LabTest, HighPriorityPassesAQueueThatLowPriorityWaitsIn) {
  LabConfig shape = config("prio");
  shape.rate = 50'000'000;
  const auto built = lab_up(shape);
  ASSERT_TRUE(built) << built.error().text;
  const ScopedLab lab(*built);
  std::atomic<bool> stop{false};
  std::thread flood([&] {
    ASSERT_TRUE(in_namespace(lab->host_namespace(2), [&] {
      const int fd = udp_socket(2, 7003, 0);
      while (!stop) send_to(fd, 1, 7009, 1400);
      ::close(fd);
    }));
  });
  std::thread flood_too([&] {
    ASSERT_TRUE(in_namespace(lab->host_namespace(3), [&] {
      const int fd = udp_socket(3, 7004, 0);
      while (!stop) {
        send_to(fd, 1, 7009, 1400);
        // Half the link, so that host 3's own NIC has no queue and the switch does.
        std::this_thread::sleep_for(microseconds(400));
      }
      ::close(fd);
    }));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const microseconds low = one_way(*lab, 0);
  const microseconds high = one_way(*lab, 7);
  stop = true;
  flood.join();
  flood_too.join();
  RecordProperty("low_us", static_cast<int>(low.count()));
  RecordProperty("high_us", static_cast<int>(high.count()));
  // 200 packets of 240 us each wait in the low queue.
  EXPECT_GT(low, microseconds(10'000));
  EXPECT_LT(high, microseconds(5'000));
}

TEST_F(LabTest, SeveralLabsExistAtOnceAndANameIsTakenOnce) {
  const auto first = lab_up(config("a"));
  ASSERT_TRUE(first) << first.error().text;
  const ScopedLab a(*first);
  const auto second = lab_up(config("b"));
  ASSERT_TRUE(second) << second.error().text;
  const ScopedLab b(*second);
  const auto again = lab_up(config("a"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kInUse);
  EXPECT_TRUE(exists(a->host_namespace(3)));  // refused, not removed
  EXPECT_TRUE(exists(b->switch_namespace()));
}

TEST_F(LabTest, TheNetworkHasAProcessorThatProgramsKeepOffUntilItIsShared) {
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) GTEST_SKIP() << "this process may use one processor only";
  const auto built = lab_up(config("cpu"));
  ASSERT_TRUE(built) << built.error().text;
  const ScopedLab lab(*built);
  const int network = lab->config().network_cpu;
  EXPECT_EQ(network, cpus.front());
  const auto mask_of = [&](const std::string& in, const std::string& device) {
    const auto mask = run_program({"ip", "netns", "exec", in, "cat",
                                   fmt::format("/sys/class/net/{}/queues/rx-0/rps_cpus", device)});
    return mask ? *mask : mask.error().text;
  };
  const auto lines_of_a_program = [&] {
    const auto text = run_program({HOMA_COMMAND, "lab", "exec", "--name", lab->config().name, "1",
                                   "--", "grep", "Cpus_allowed_list", "/proc/self/status"});
    return text ? *text : text.error().text;
  };
  EXPECT_EQ(mask_of(lab->switch_namespace(), "p1"), cpu_mask(network) + "\n");
  EXPECT_EQ(mask_of(lab->switch_namespace(), "p3"), cpu_mask(network) + "\n");
  EXPECT_EQ(mask_of(lab->host_namespace(2), "eth0"), cpu_mask(network) + "\n");
  EXPECT_NE(lines_of_a_program().find(fmt::format("\t{}", cpus[1])), std::string::npos);

  const auto shared = share_network_cpu(lab->config().name);
  ASSERT_TRUE(shared) << shared.error().text;
  EXPECT_EQ(mask_of(lab->switch_namespace(), "p3"), cpu_mask(-1) + "\n");
  EXPECT_EQ(mask_of(lab->host_namespace(2), "eth0"), cpu_mask(-1) + "\n");
  EXPECT_NE(lines_of_a_program().find(fmt::format("\t{}", cpus[0])), std::string::npos);
  EXPECT_TRUE(share_network_cpu(lab->config().name)) << "a second time changes nothing";
}

TEST_F(LabTest, DownEndsTheProgramsInsideAndLeavesNothing) {
  const auto built = lab_up(config("down"));
  ASSERT_TRUE(built) << built.error().text;
  const pid_t child = ::fork();
  if (child == 0) {
    if (!enter_namespace(built->host_namespace(1))) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  while (lab_processes(*built).empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::thread reaper([&] { ::waitpid(child, nullptr, 0); });
  EXPECT_TRUE(lab_down(built->config().name));
  reaper.join();
  EXPECT_FALSE(exists(built->host_namespace(1)));
  EXPECT_FALSE(exists(built->switch_namespace()));
  EXPECT_FALSE(find_lab(built->config().name));
  EXPECT_FALSE(lab_down(built->config().name));
}

TEST_F(LabTest, ALabWhoseOwnerWasKilledIsRemovedLater) {
  LabConfig shape = config("stale");
  const pid_t owner = ::fork();
  if (owner == 0) {
    shape.owner = ::getpid();
    (void)lab_up(shape);
    ::raise(SIGKILL);
  }
  ::waitpid(owner, nullptr, 0);
  const Lab lab(shape);
  EXPECT_TRUE(exists(lab.host_namespace(1)));
  const auto removed = remove_stale_labs();
  EXPECT_NE(std::find(removed.begin(), removed.end(), shape.name), removed.end());
  EXPECT_FALSE(exists(lab.host_namespace(1)));
}

TEST_F(LabTest, RunEndsWithTheProgramsStatusAndNoLab) {
  const std::string name = config("run").name;
  const auto done = run_program({HOMA_COMMAND, "lab", "run", "--name", name, "--hosts", "2", "--on",
                                 "2", "--", "ip", "-o", "-4", "address"});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_NE(done->find("10.77.0.2/24"), std::string::npos) << *done;
  EXPECT_FALSE(run_program({HOMA_COMMAND, "lab", "run", "--name", name, "--", "false"}));
  EXPECT_FALSE(find_lab(name));
  EXPECT_FALSE(exists(Lab(config("run")).host_namespace(1)));
}

TEST_F(LabTest, AnInterruptedRunCleansUp) {
  const std::string name = config("stop").name;
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    ::execl(HOMA_COMMAND, "homa", "lab", "run", "--name", name.c_str(), "--", "sleep", "60",
            nullptr);
    ::_exit(127);
  }
  for (int i = 0; i < 400 && lab_processes(Lab(config("stop"))).empty() && !find_lab(name); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ASSERT_TRUE(find_lab(name));
  ::kill(-child, SIGINT);  // as a terminal does on Ctrl-C
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_FALSE(find_lab(name));
  EXPECT_FALSE(exists(Lab(config("stop")).host_namespace(1)));
}

TEST(LabWithoutRoot, SaysWhatIsMissing) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else to try this";
  int status = 0;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(99);
    const auto able = lab_available();
    ::_exit(!able && able.error().code == ErrorCode::kNotPermitted &&
                    able.error().text.find("sudo") != std::string::npos
                ? 0
                : 1);
  }
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace homa::tools
