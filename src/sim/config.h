// Everything that a simulation run depends on. The same configuration gives the same report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/dctcp.h"
#include "sim/homa_parameters.h"
#include "sim/homa_transport.h"
#include "sim/network.h"
#include "sim/topology.h"
#include "sim/traffic.h"

namespace homa::sim {

enum class Protocol : std::uint8_t { kHoma, kOracle, kDctcp };
std::string_view to_string(Protocol protocol);

// A planned fault: what fails, and when.
struct Fault {
  enum class Kind : std::uint8_t { kLinkDown, kLinkUp, kRestart, kFaultsEnd };
  SimTime time{};
  Kind kind = Kind::kLinkDown;
  HostId host = 0;  // not used by kFaultsEnd
};

struct FaultConfig {
  LinkFaults links;
  std::vector<Fault> plan;         // in any order
  std::vector<HostQuirks> quirks;  // by host; hosts beyond it have none
};

struct SimConfig {
  std::uint64_t seed = 1;
  Protocol protocol = Protocol::kHoma;
  TopologyConfig topology;
  SwitchConfig switches;
  TrafficConfig traffic;
  HomaConfig homa;
  DctcpConfig dctcp;
  FaultConfig faults;
  bool check = false;     // verify every packet and byte; for small runs
  bool drain = false;     // after the last measured message, let everything end and come to rest
  SimTime time_limit{0};  // 0: twice what the messages take to begin, and 300 ms
  std::uint32_t queue_samples = 400;  // about how many points the series of queue lengths has

  Result<void, Error> validate() const;
  // Of Homa's packets; all protocols are measured with it.
  PacketShape shape() const;
};

}  // namespace homa::sim
