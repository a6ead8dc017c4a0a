#include "client/make_engine.h"

#include <sys/random.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/failure.h"
#include "core/config_fields.h"
#include "engine/defaults.h"
#include "io/open.h"
#include "trace/state_owner.h"

namespace homa::client {
namespace {

io::IoConfig make_io_config(const HostConfig& config) {
  io::IoConfig io;
  io.backend = config.backend;
  io.address = config.address;
  io.interface = config.interface;
  io.udp_port = config.udp_port;
  io.mtu = config.mtu;
  io.faults.loss = config.loss;
  io.faults.duplication = config.duplication;
  io.faults.reordering = config.reordering;
  io.faults.seed = config.fault_seed;
  io.pcap = config.pcap;
  return io;
}

Result<core::CoreConfig, Error> make_core_config(const HostConfig& config,
                                                 const io::IoCapabilities& capabilities,
                                                 bool has_programs) {
  core::CoreConfig core = engine::defaults_for(capabilities);
  core.receive_region_bytes = config.receive_bytes;
  core.wait_for_memory = config.wait_for_memory;
  // Programs have memory of their own, which may be small. Those for the kernel's Homa, which wait
  // for memory, have its limit.
  if (!has_programs && !config.wait_for_memory) {
    core.message_bytes_max = engine::longest_message_for(config.receive_bytes);
  }
  if (auto set = core::set_fields(core, config.parameters); !set) return Unexpected(set.error());
  if (core.receive_region_bytes < core.message_bytes_max) {
    return Unexpected(Error{ErrorCode::kInvalidArgument,
                            "receive memory (" + std::to_string(core.receive_region_bytes) +
                                " bytes) holds no message of message_bytes_max (" +
                                std::to_string(core.message_bytes_max) + ")"});
  }
  if (auto valid = core.validate(); !valid) return Unexpected(valid.error());
  return core;
}

Result<std::uint64_t, Error> random_seed() {
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
    return system_failure("cannot get random numbers", errno);
  }
  return seed;
}

std::string rate_in_words(std::uint64_t bits_per_second) {
  if (bits_per_second == 0) return "link rate unknown, unpaced";
  if (bits_per_second % 1'000'000'000 == 0) {
    return std::to_string(bits_per_second / 1'000'000'000) + " Gbit/s";
  }
  return std::to_string(bits_per_second / 1'000'000) + " Mbit/s";
}

// Where tools find it; `note` says why they do not.
Result<std::unique_ptr<engine::Published>, Error> publish(const std::string& description,
                                                          std::string& note) {
  const std::string folder = trace::state_folder();
  if (!folder.empty()) {
    auto published = engine::Published::in_folder(folder, description);
    if (published) {
      if (auto requests = (*published)->take_requests(); !requests) {
        note +=
            (note.empty() ? "" : "; ") + ("parameters stay as they are: " + requests.error().text);
      }
      return published;
    }
    note += (note.empty() ? "" : "; ") + ("tools do not see it: " + published.error().text);
  }
  return engine::Published::in_private_memory();
}

}  // namespace

Result<MadeEngine, Error> make_engine(const HostConfig& config, int wake_fd,
                                      std::shared_ptr<channel::EngineState> state,
                                      int inherited_socket) {
  io::IoConfig io_config = make_io_config(config);
  io_config.inherited_socket = inherited_socket;
  auto io = io::open(io_config);
  if (!io) return Unexpected(io.error());
  const io::IoCapabilities capabilities = (*io)->capabilities();
  const auto core = make_core_config(config, capabilities, state != nullptr);
  if (!core) return Unexpected(core.error());
  const auto seed = random_seed();
  if (!seed) return Unexpected(seed.error());
  const std::string description = capabilities.name + " " + capabilities.local.to_string() +
                                  ", packets of " + std::to_string(capabilities.packet_bytes_max) +
                                  " bytes, " + rate_in_words(core->link_bits_per_second);
  std::string note = capabilities.note;
  auto published = publish(description, note);
  if (!published) return Unexpected(published.error());
  auto engine = engine::Engine::create(
      *core, std::move(io).value(), *seed, wake_fd,
      config.coalesce ? Duration(*config.coalesce) : engine::coalesce_for(*core), std::move(state),
      std::move(published).value());
  if (!engine) return Unexpected(engine.error());
  (*engine)->set_log(config.log);
  return MadeEngine{std::move(engine).value(), capabilities.local, description, std::move(note)};
}

}  // namespace homa::client
