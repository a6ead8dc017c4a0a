// What a figure was measured on.
#pragma once

#include <iosfwd>
#include <string>

namespace homa::tools {

struct Machine {
  std::string kernel;     // "Linux 6.18.0"
  std::string processor;  // "AMD EPYC", as the machine calls it; may be empty
  int processors = 0;     // that this process may use
  std::string time;       // "2026-11-27 12:00 UTC"
};
Machine this_machine();

// The first processor's model in a file like /proc/cpuinfo; empty: it does not say.
std::string processor_model(std::istream& cpuinfo);

}  // namespace homa::tools
