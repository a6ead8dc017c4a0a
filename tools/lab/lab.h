// A cluster in a box: N hosts as network namespaces around one switch, a bridge in a namespace of
// its own, so that nothing of the machine's own network is touched.
//
//   host i: namespace homa-NAME-i, device eth0, 10.77.0.i/24 and fd77::i/64; its own end is a NIC:
//           one FIFO at the link rate (TBF), without priorities
//   switch: namespace homa-NAME-switch, bridge br0, port p<i> towards host i: HTB at the link rate
//           with one bounded FIFO per priority level, strictly by the top three bits of the IPv4
//           TOS or IPv6 traffic class (docs/operating.md#the-lab)
//
// The kernel's work on packets between hosts (the switch, its queues, deliveries) has a processor
// of its own where there are two or more, and the hosts' programs share the others: a host that
// waited until the network of all hosts is served would take that for a slow network. It can be
// given up (share_network_cpu()) where the others do not suffice: docs/decisions/0009.
//
// Neighbours are static and complete, so no ARP or neighbour discovery disturbs a measurement.
// Hosts' segmentation and receive offloads are off: what crosses the switch is MTU-sized.
// Every lab has a state file in /run/homa/labs, written before anything is built, so that `down`
// removes what a killed process left. Needs root and the programs ip, tc and ethtool.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::tools {

struct LabConfig {
  std::string name = "lab";          // letters, digits, '-', at most 24
  int hosts = 4;                     // 1..250
  std::uint64_t rate = 200'000'000;  // of every link, bits per second; 0: as fast as it goes
  std::uint64_t buffer = 200;        // per port and priority level
  bool buffer_in_bytes = false;      // otherwise in packets
  int priorities = 8;        // levels at the switch, 1..8; the low levels share the lowest one
  std::uint32_t mtu = 1500;  // 576..9000
  bool offloads = false;     // true: leave the hosts' offloads on
  bool direct = false;       // two hosts, one veth pair, no switch and no rate
  // The process that will take the lab down; 0: a person will. When that process is gone without
  // having done so, remove_stale_labs() does.
  pid_t owner = 0;
  // The processor that the network has to itself; -1: none. lab_up() chooses it.
  int network_cpu = -1;

  Result<void, Error> validate() const;
};

// A lab that exists. Copies name the same lab; destroying one takes nothing down.
class Lab {
 public:
  explicit Lab(LabConfig config) : config_(std::move(config)) {}

  const LabConfig& config() const { return config_; }
  std::string host_namespace(int host) const;  // 1-based
  std::string switch_namespace() const;
  static std::string host_address(int host);  // IPv4
  static std::string host_address_v6(int host);
  static constexpr const char* kHostDevice = "eth0";

 private:
  LabConfig config_;
};

// Whether this process can build labs. The error (kNotPermitted or kSystem) names everything that
// is missing and the cure.
Result<void, Error> lab_available();

// Builds a lab. kInUse when the name is taken; on any other failure, and when StopGuard has seen a
// signal (kCancelled), what was built is gone again.
Result<Lab, Error> lab_up(const LabConfig& config);

// Ends the processes that run inside the lab and removes it, also one half built. kInvalidArgument
// when there is no such lab.
Result<void, Error> lab_down(const std::string& name);

// The network of this lab gives its processor up: it works wherever there is work, and programs
// that `homa lab exec` starts from now on may use every processor.
Result<void, Error> share_network_cpu(const std::string& name);

// The labs that exist, by name.
std::vector<Lab> labs();
Result<Lab, Error> find_lab(const std::string& name);

// Processes that run in a lab's namespaces.
std::vector<pid_t> lab_processes(const Lab& lab);

// Removes labs whose owner has died. Returns their names.
std::vector<std::string> remove_stale_labs();

// Takes its lab down when it goes out of scope.
class ScopedLab {
 public:
  explicit ScopedLab(Lab lab) : lab_(std::move(lab)) {}
  ~ScopedLab();
  ScopedLab(const ScopedLab&) = delete;
  ScopedLab& operator=(const ScopedLab&) = delete;
  const Lab& operator*() const { return lab_; }
  const Lab* operator->() const { return &lab_; }

 private:
  Lab lab_;
};

}  // namespace homa::tools
