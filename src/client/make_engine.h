// An engine as a HostConfig describes it: for a host in this process, and for homad.
#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"
#include "homa/host.h"

namespace homa::client {

struct MadeEngine {
  std::unique_ptr<engine::Engine> engine;
  Address address;          // as peers see it
  std::string description;  // "udp 10.0.0.1, packets of 1472 bytes, 10 Gbit/s"
  std::string note;         // what the back end has to say; may be empty
};

// `wake_fd`, `state`: see engine::Engine::create(). `inherited_socket`: see io::IoConfig.
// kInvalidArgument, kNotPermitted, kInUse, kNoMemory, kSystem.
Result<MadeEngine, Error> make_engine(const HostConfig& config, int wake_fd,
                                      std::shared_ptr<channel::EngineState> state = nullptr,
                                      int inherited_socket = -1);

}  // namespace homa::client
