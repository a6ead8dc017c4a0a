// How busy the machine's processors are, by /proc/stat.
#pragma once

#include <iosfwd>
#include <vector>

namespace homa::tools {

struct ProcessorTime {
  double busy = 0, all = 0;  // in units of the kernel's; since it started
};

// Of these processors together; none named: of all. What runs at low priority counts as idle: it
// makes room. `stat` is what /proc/stat says.
ProcessorTime processor_time(std::istream& stat, const std::vector<int>& cpus);
ProcessorTime processor_time(const std::vector<int>& cpus = {});

// Seconds of processors' time that went into work between two looks.
double busy_seconds(const ProcessorTime& from, const ProcessorTime& to);

// The busy share of the time between two looks, 0..1.
double busy_share(const ProcessorTime& from, const ProcessorTime& to);

}  // namespace homa::tools
