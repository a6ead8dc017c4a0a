#include "tools/process/machine.h"

#include <gtest/gtest.h>

#include <regex>
#include <sstream>

namespace homa::tools {
namespace {

TEST(Machine, TheProcessorIsTheFirstThatIsNamed) {
  std::istringstream x86("processor\t: 0\nmodel name\t: Brand A 1\n\nmodel name\t: Brand B\n");
  EXPECT_EQ(processor_model(x86), "Brand A 1");
  std::istringstream silent("processor\t: 0\nmodel name\t:\n");
  EXPECT_EQ(processor_model(silent), "");
}

TEST(Machine, ThisOneHasAKernelAndProcessors) {
  const Machine machine = this_machine();
  EXPECT_TRUE(machine.kernel.starts_with("Linux ")) << machine.kernel;
  EXPECT_GE(machine.processors, 1);
  EXPECT_TRUE(std::regex_match(machine.time, std::regex(R"(\d{4}-\d\d-\d\d \d\d:\d\d UTC)")))
      << machine.time;
}

}  // namespace
}  // namespace homa::tools
