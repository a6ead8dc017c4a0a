// What building a lab runs, as data: the commands in order, and the kernel settings afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/lab/lab.h"

namespace homa::tools {

struct LabStep {
  std::vector<std::string> command;
  std::string input;
};

struct LabSetting {
  std::string in;  // network namespace
  std::string path, value;
};

struct LabPlan {
  std::vector<LabStep> steps;
  std::vector<LabSetting> settings;
};

LabPlan plan_lab(const Lab& lab);

// The qdisc, classes and filters of one switch port, as a `tc -batch` script.
std::string switch_port_script(const LabConfig& config, const std::string& device);

// Where the kernel works on what the lab's devices receive: on config().network_cpu; -1: wherever
// it arrives.
std::vector<LabStep> network_cpu_steps(const Lab& lab);

// A processor as the kernel's CPU masks name it: hexadecimal, in groups of 32 with commas; -1:
// none.
std::string cpu_mask(int cpu);

// The queue of a host's NIC, as a `tc -batch` script; empty when links have no rate.
std::string nic_script(const LabConfig& config);

}  // namespace homa::tools
