#include "tools/process/machine.h"

#include <fmt/chrono.h>
#include <sys/utsname.h>

#include <ctime>
#include <fstream>

#include "tools/process/process.h"

namespace homa::tools {

std::string processor_model(std::istream& cpuinfo) {
  for (std::string line; std::getline(cpuinfo, line);) {
    const auto colon = line.find(':');
    if (!line.starts_with("model name") || colon == std::string::npos) continue;
    const auto from = line.find_first_not_of(" \t", colon + 1);
    return from == std::string::npos ? std::string() : line.substr(from);
  }
  return {};
}

Machine this_machine() {
  Machine machine;
  utsname names{};
  if (::uname(&names) == 0) machine.kernel = fmt::format("{} {}", names.sysname, names.release);
  std::ifstream cpuinfo("/proc/cpuinfo");
  machine.processor = processor_model(cpuinfo);
  machine.processors = static_cast<int>(allowed_cpus().size());
  machine.time = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)));
  return machine;
}

}  // namespace homa::tools
