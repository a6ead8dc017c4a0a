// Opening: which back end comes of a configuration, and errors that name what was tried.
#include "io/open.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace homa::io {
namespace {

using ::testing::HasSubstr;

IoConfig on_loopback() {
  IoConfig config;
  config.address = "127.0.0.1";
  config.udp_port = 0;
  return config;
}

Error error_of(const IoConfig& config) {
  const auto io = open(config);
  EXPECT_FALSE(io);
  return io ? Error{} : io.error();
}

TEST(Open, APortInUseIsNamed) {
  const auto first = open(on_loopback());
  ASSERT_TRUE(first) << first.error().text;
  IoConfig config = on_loopback();
  config.udp_port = (*first)->capabilities().local.udp_port;
  const Error error = error_of(config);
  EXPECT_EQ(error.code, ErrorCode::kInUse);
  EXPECT_THAT(error.text, HasSubstr(std::to_string(config.udp_port)));
}

TEST(Open, AnAddressThatNoDeviceHasIsNamedWithThoseThatThereAre) {
  IoConfig config = on_loopback();
  config.address = "203.0.113.7";
  const Error error = error_of(config);
  EXPECT_THAT(error.text, HasSubstr("203.0.113.7"));
  EXPECT_THAT(error.text, HasSubstr("lo 127.0.0.1"));
}

TEST(Open, ADeviceThatDoesNotExistIsNamed) {
  IoConfig config = on_loopback();
  config.address.clear();
  config.interface = "nonesuch0";
  EXPECT_THAT(error_of(config).text, HasSubstr("nonesuch0"));
}

TEST(Open, AnUnknownBackEndIsNamed) {
  IoConfig config = on_loopback();
  config.backend = "carrier-pigeon";
  EXPECT_THAT(error_of(config).text, HasSubstr("carrier-pigeon"));
}

TEST(Open, ATooSmallMtuIsNamed) {
  IoConfig config = on_loopback();
  config.mtu = 60;
  EXPECT_THAT(error_of(config).text, HasSubstr("MTU 60"));
}

TEST(Open, AFaultThatIsNoFractionIsNamed) {
  IoConfig config = on_loopback();
  config.faults.loss = 2;
  EXPECT_THAT(error_of(config).text, HasSubstr("loss"));
}

// In processes of their own, whose limits do not come back. Not under sanitizers, which need
// descriptors and address space themselves.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(OpenDeathTest, EachDescriptorThatIsRefusedIsAnErrorWithItsCause) {
  const auto attempt = [&] {
    const int first_free = dup(0);
    close(first_free);
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) _exit(3);
    for (int spare = 0; spare < 16; ++spare) {  // each place that takes a descriptor fails once
      limit.rlim_cur = static_cast<rlim_t>(first_free + spare);
      if (setrlimit(RLIMIT_NOFILE, &limit) != 0) _exit(3);
      const auto io = open(on_loopback());
      if (io) {
        std::fprintf(stderr, "opened with %d\n", spare);
        _exit(spare > 0 ? 0 : 4);
      }
      std::fprintf(stderr, "%s\n", io.error().text.c_str());
      if (io.error().text.find("Too many open files") == std::string::npos) _exit(1);
      if (fcntl(first_free, F_GETFD) != -1) _exit(2);  // something was left open
    }
    _exit(5);
  };
  EXPECT_EXIT(attempt(), ::testing::ExitedWithCode(0), "Too many open files");
}

TEST(OpenDeathTest, MemoryThatIsRefusedIsAnErrorWithItsCure) {
  const auto attempt = [&] {
    std::ifstream statm("/proc/self/statm");
    rlim_t pages = 0;
    statm >> pages;
    const rlim_t most = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (4 << 20);
    const rlimit little{most, most};
    if (setrlimit(RLIMIT_AS, &little) != 0) _exit(3);
    const auto io = open(on_loopback());
    if (io) _exit(4);
    std::fprintf(stderr, "%s\n", io.error().text.c_str());
    _exit(io.error().code == ErrorCode::kNoMemory ? 0 : 1);
  };
  EXPECT_EXIT(attempt(), ::testing::ExitedWithCode(0), "receive buffers.*ulimit -v");
}
#endif

TEST(Open, UdpIsTheDefault) {
  const auto io = open(on_loopback());
  ASSERT_TRUE(io);
  EXPECT_EQ((*io)->capabilities().name, "udp");
}

}  // namespace
}  // namespace homa::io
