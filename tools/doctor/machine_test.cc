#include "tools/doctor/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace homa::tools {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class MachineTest : public ::testing::Test {
 protected:
  MachineTest() { EXPECT_NE(::mkdtemp(root_.data()), nullptr); }
  ~MachineTest() override { fs::remove_all(root_); }

  void plant(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text << "\n";
  }
  SystemFiles files() const { return SystemFiles(root_); }

  std::string root_ = ::testing::TempDir() + "homa-doctor-XXXXXX";
};

TEST_F(MachineTest, ASlowClockIsAProblem) {
  const std::string path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
  EXPECT_EQ(check_clock_source(files()).verdict, Verdict::kUnchecked);
  plant(path, "tsc");
  EXPECT_EQ(check_clock_source(files()).verdict, Verdict::kGood);
  plant(path, "hpet");
  const Finding found = check_clock_source(files());
  EXPECT_EQ(found.verdict, Verdict::kProblem);
  EXPECT_THAT(found.cure, HasSubstr("tsc"));
}

TEST_F(MachineTest, OneCoreWithoutFullSpeedIsNoted) {
  EXPECT_EQ(check_governor(files()).verdict, Verdict::kGood);
  plant("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance");
  EXPECT_EQ(check_governor(files()).verdict, Verdict::kGood);
  plant("/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave");
  const Finding found = check_governor(files());
  EXPECT_EQ(found.verdict, Verdict::kNote);
  EXPECT_EQ(found.what, "cpu1 has powersave");
}

TEST_F(MachineTest, TheDeepestIdleStateThatIsEnabledCounts) {
  const std::string folder = "/sys/devices/system/cpu/cpu0/cpuidle/";
  EXPECT_EQ(check_idle_states(files()).verdict, Verdict::kGood);
  for (const auto& [state, latency] :
       {std::pair{"state0", "2"}, {"state1", "10"}, {"state2", "133"}}) {
    plant(folder + state + "/latency", latency);
    plant(folder + state + "/disable", "0");
    plant(folder + state + "/name", std::string("C") + latency);
  }
  const Finding found = check_idle_states(files());
  EXPECT_EQ(found.verdict, Verdict::kNote);
  EXPECT_EQ(found.what, "C133 is left after 133 us");
  EXPECT_THAT(found.cure, HasSubstr("--cpu-latency"));
  plant(folder + "state2/disable", "1");
  EXPECT_EQ(check_idle_states(files()).verdict, Verdict::kGood);
}

TEST_F(MachineTest, SmallSocketBuffersAreAProblemUnlessRootOpensThem) {
  plant("/proc/sys/net/core/rmem_max", "212992");
  EXPECT_EQ(check_socket_buffers(files(), true).verdict, Verdict::kGood);
  const Finding found = check_socket_buffers(files(), false);
  EXPECT_EQ(found.verdict, Verdict::kProblem);
  EXPECT_THAT(found.cure, HasSubstr("net.core.rmem_max=8388608"));
  plant("/proc/sys/net/core/rmem_max", "8388608");
  EXPECT_EQ(check_socket_buffers(files(), false).verdict, Verdict::kGood);
}

TEST_F(MachineTest, AQuotaOfProcessorTimeAnywhereAboveIsAProblem) {
  EXPECT_EQ(check_cgroup(files()).verdict, Verdict::kGood);
  plant("/proc/self/cgroup", "0::/system.slice/homad.service");
  plant("/sys/fs/cgroup/system.slice/homad.service/cpu.max", "max 100000");
  EXPECT_EQ(check_cgroup(files()).verdict, Verdict::kGood);
  plant("/sys/fs/cgroup/system.slice/cpu.max", "50000 100000");
  const Finding found = check_cgroup(files());
  EXPECT_EQ(found.verdict, Verdict::kProblem);
  EXPECT_THAT(found.what, HasSubstr("/system.slice may use 50000 100000"));
}

TEST_F(MachineTest, SaysWhetherMemoryMayHaveHugePages) {
  const std::string path = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
  EXPECT_EQ(check_huge_pages(files()).verdict, Verdict::kUnchecked);
  plant(path, "always within_size advise [never] deny force");
  EXPECT_THAT(check_huge_pages(files()).what, HasSubstr("has none"));
  plant(path, "[always] within_size advise never deny force");
  EXPECT_THAT(check_huge_pages(files()).what, HasSubstr("may have them"));
}

TEST_F(MachineTest, WhatIsNotGoodSaysWhyAndWhatToDo) {
  plant("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet");
  plant("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave");
  plant("/proc/sys/net/core/rmem_max", "1");
  for (const Finding& found : check_machine(files(), false)) {
    EXPECT_FALSE(found.what.empty()) << found.check;
    if (found.verdict == Verdict::kGood) continue;
    EXPECT_FALSE(found.why.empty()) << found.check;
    if (found.verdict == Verdict::kUnchecked) continue;
    EXPECT_FALSE(found.cure.empty()) << found.check;
  }
}

}  // namespace
}  // namespace homa::tools
