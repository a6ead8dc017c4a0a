// Whose control group pays for the memory that a program shares with homad: the program's.
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "daemon/neighbours.h"

namespace homa::testing {
namespace {

constexpr const char* kController = "/sys/fs/cgroup/memory";
constexpr std::uint64_t kReceiveBytes = 32 << 20;
constexpr std::uint64_t kTransmitBytes = 16 << 20;

// A control group of the first version's memory controller.
class MemoryGroup {
 public:
  explicit MemoryGroup(const std::string& name)
      : folder_(std::string(kController) + "/homa-test-" + std::to_string(::getpid()) + "-" +
                name) {
    std::error_code failed;
    std::filesystem::create_directory(folder_, failed);
    exists_ = !failed && std::filesystem::exists(folder_ + "/memory.usage_in_bytes");
  }
  // Its processes have ended.
  ~MemoryGroup() {
    EXPECT_TRUE(!exists_ || eventually([&] { return ::rmdir(folder_.c_str()) == 0; }));
  }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;

  bool exists() const { return exists_; }
  bool take(pid_t process) const {
    std::ofstream file(folder_ + "/cgroup.procs");
    file << process << std::flush;
    return file.good();
  }
  // Anonymous and shared memory; not files that happen to be cached.
  std::uint64_t bytes() const {
    std::ifstream file(folder_ + "/memory.stat");
    std::string name;
    std::uint64_t value = 0, all = 0;
    while (file >> name >> value) {
      if (name == "rss" || name == "shmem") all += value;
    }
    return all;
  }

 private:
  std::string folder_;
  bool exists_ = false;
};

TEST(Memory, OfAProgramsPoolAndChannelIsChargedToTheProgram) {
  const MemoryGroup of_homad("homad"), of_program("program");
  if (!of_homad.exists() || !of_program.exists()) {
    GTEST_SKIP() << "no memory controller at " << kController << ", or no right to use it";
  }
  Homad homad("[limits]\nreceive_memory = \"64mib\"\n");
  ASSERT_TRUE(of_homad.take(homad.pid()));
  const std::uint64_t before = of_homad.bytes();
  const Flag done, over;
  Child program([&] {
    if (!of_program.take(::getpid())) return 1;
    HostConfig config = homad.client_config();
    config.receive_bytes = kReceiveBytes;
    config.transmit_bytes = kTransmitBytes;
    Host host = open_host(config);
    EchoServer server(host, Neighbours::kPort);
    Socket client = host.client().value();
    // Messages that together use all of transmit memory, and much of the pool: kept for a while.
    const std::vector<std::byte> message = pattern(900'000, 1);
    std::vector<Message> kept;
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < 8; ++i) {
        if (!client.send(server.address(), message)) return 2;
      }
      for (int i = 0; i < 8; ++i) {
        auto response = client.receive(20s);
        if (!response || response->bytes().size() != message.size()) return 3;
        if (i < 2 && round < 4) kept.push_back(std::move(response).value());
      }
    }
    done.raise();
    return over.wait() ? 0 : 4;
  });
  ASSERT_TRUE(done.wait()) << homad.log();
  const std::uint64_t charged = of_program.bytes(), now = of_homad.bytes();
  const std::uint64_t grown = now - std::min(before, now);
  std::cout << "  charged to the program: " << charged / 1'024 << " kB, to homad: " << grown / 1'024
            << " kB\n";
  EXPECT_GE(charged, kReceiveBytes + kTransmitBytes / 4);
  // homad keeps tables about the program's memory, not messages: 0.5 MB. Sanitizers keep shadows of
  // both, and what was freed: 6 MB. If homad paid for the receive memory, it would be 32 MB.
  EXPECT_LT(grown, kReceiveBytes / 2) << "homad pays for its programs";
  over.raise();
  EXPECT_EQ(program.wait(), 0);
  homad.kill(SIGTERM);
}

}  // namespace
}  // namespace homa::testing
