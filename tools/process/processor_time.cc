#include "tools/process/processor_time.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace homa::tools {
namespace {

constexpr std::string_view kPrefix = "cpu";

// "cpu" is the sum of all, "cpu3" is processor 3.
bool is_wanted(std::string_view name, const std::vector<int>& cpus) {
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  if (cpus.empty()) return name.empty();
  int cpu = -1;
  const auto end = name.data() + name.size();
  return std::from_chars(name.data(), end, cpu).ptr == end &&
         std::find(cpus.begin(), cpus.end(), cpu) != cpus.end();
}

}  // namespace

ProcessorTime processor_time(std::istream& stat, const std::vector<int>& cpus) {
  ProcessorTime time;
  for (std::string line; std::getline(stat, line);) {
    std::istringstream fields(line);
    std::string name;
    fields >> name;
    if (!is_wanted(name, cpus)) continue;
    double value = 0;
    for (int field = 0; field < 8 && fields >> value; ++field) {
      time.all += value;
      const bool idle = field == 3 || field == 4 || field == 1;  // idle, waiting, low priority
      if (!idle) time.busy += value;
    }
  }
  return time;
}

ProcessorTime processor_time(const std::vector<int>& cpus) {
  std::ifstream stat("/proc/stat");
  return processor_time(stat, cpus);
}

double busy_seconds(const ProcessorTime& from, const ProcessorTime& to) {
  return (to.busy - from.busy) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double busy_share(const ProcessorTime& from, const ProcessorTime& to) {
  const double all = to.all - from.all;
  return all > 0 ? (to.busy - from.busy) / all : 0;
}

}  // namespace homa::tools
