#include "client/cpu_latency.h"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

#include "homa/host.h"

namespace homa::client {
namespace {

using std::chrono::microseconds;

TEST(CpuLatency, WritesTheLimitAsTheKernelReadsIt) {
  const std::string path = ::testing::TempDir() + "cpu_latency" + std::to_string(::getpid());
  std::ofstream(path).flush();
  const auto limit = limit_cpu_latency(microseconds(12), path.c_str());
  ASSERT_TRUE(limit) << limit.error().text;
  std::int32_t written = 0;
  std::ifstream(path, std::ios::binary).read(reinterpret_cast<char*>(&written), sizeof written);
  EXPECT_EQ(written, 12);
  std::remove(path.c_str());
}

TEST(CpuLatency, SaysWhatIsMissing) {
  const auto absent = limit_cpu_latency(microseconds(0), "/nonexistent/cpu_dma_latency");
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().text.find("/nonexistent/cpu_dma_latency"), std::string::npos);
  EXPECT_EQ(limit_cpu_latency(microseconds(-1)).error().code, ErrorCode::kInvalidArgument);
}

// A host that may not hold the limit does not open without it.
TEST(CpuLatency, NeedsPermission) {
  if (::access(kCpuLatencyDevice, F_OK) != 0) GTEST_SKIP() << "no " << kCpuLatencyDevice;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(2);
    HostConfig config;
    config.address = "127.0.0.1";
    config.udp_port = 0;
    config.cpu_latency = microseconds(0);
    const auto host = Host::open(config);
    ::_exit(!host && host.error().code == ErrorCode::kNotPermitted ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace homa::client
