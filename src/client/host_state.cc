#include "client/host_state.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "base/failure.h"
#include "channel/wake.h"
#include "client/cpu_latency.h"
#include "client/socket_state.h"
#include "core/config_fields.h"
#include "engine/defaults.h"
#include "io/open.h"

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
                                                 const io::IoCapabilities& capabilities) {
  core::CoreConfig core = engine::defaults_for(capabilities);
  core.receive_region_bytes = config.receive_bytes;
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

Result<void, Error> validate(const HostConfig& config) {
  constexpr std::chrono::microseconds kNone{0}, kLongest{std::chrono::hours(24)};
  for (const auto& time : {config.poll, config.coalesce.value_or(kNone)}) {
    if (time >= kNone && time <= kLongest) continue;
    return Unexpected(
        Error{ErrorCode::kInvalidArgument, "HostConfig: poll and coalesce are 0 to 24 hours, not " +
                                               std::to_string(time.count()) + " microseconds"});
  }
  constexpr std::chrono::microseconds kSoonest{10}, kLatest{10'000'000};
  if (config.takeover < kSoonest || config.takeover > kLatest) {
    return Unexpected(Error{ErrorCode::kInvalidArgument,
                            "HostConfig::takeover is 10 to 10000000 microseconds, not " +
                                std::to_string(config.takeover.count())});
  }
  channel::ChannelConfig channel;
  channel.transmit_bytes = config.transmit_bytes;
  return channel.validate();
}

}  // namespace

HostState::HostState(const HostConfig& config, const core::CoreConfig& core_config,
                     const io::IoCapabilities& capabilities, std::shared_ptr<InProcessLink> link,
                     base::Descriptor cpu_latency)
    : config_(config),
      core_config_(core_config),
      capabilities_(capabilities),
      cpu_latency_(std::move(cpu_latency)),
      link_(std::move(link)) {}

Result<std::shared_ptr<HostState>, Error> HostState::open(const HostConfig& config) {
  if (auto valid = validate(config); !valid) return Unexpected(valid.error());
  auto io = io::open(make_io_config(config));
  if (!io) return Unexpected(io.error());
  const io::IoCapabilities capabilities = (*io)->capabilities();
  const auto core = make_core_config(config, capabilities);
  if (!core) return Unexpected(core.error());
  const auto seed = random_seed();
  if (!seed) return Unexpected(seed.error());
  const auto wake_fd = channel::create_descriptor();
  if (!wake_fd) return Unexpected(wake_fd.error());
  base::Descriptor wake(*wake_fd);
  base::Descriptor cpu_latency;
  if (config.cpu_latency) {
    auto limit = limit_cpu_latency(*config.cpu_latency);
    if (!limit) return Unexpected(limit.error());
    cpu_latency = std::move(limit).value();
  }
  auto engine = engine::Engine::create(
      *core, std::move(io).value(), *seed, wake.get(),
      config.coalesce ? Duration(*config.coalesce) : engine::coalesce_for(*core));
  if (!engine) return Unexpected(engine.error());
  auto link = InProcessLink::start(
      std::move(engine).value(), std::move(wake),
      LinkLimits{core->rpcs_max, core->message_bytes_max, config.transmit_bytes},
      RunnerConfig{Duration(config.poll), Duration(config.takeover), config.run_in_callers},
      config.pollers_max);
  if (!link) return Unexpected(link.error());
  return std::shared_ptr<HostState>(
      new HostState(config, *core, capabilities, std::move(link).value(), std::move(cpu_latency)));
}

HostState::~HostState() { stop(); }

Result<std::shared_ptr<SocketState>, Error> HostState::open_socket(std::uint16_t port) {
  channel::ChannelConfig config;
  config.transmit_bytes = config_.transmit_bytes + SocketState::kReserveBytes;
  auto region = channel::Region::create(config);
  if (!region) return Unexpected(region.error());
  auto bell = link_->attach(*region);
  if (!bell) return Unexpected(bell.error());
  std::shared_ptr<SocketState> socket;
  try {
    socket = std::make_shared<SocketState>(link_, *region, *bell);
  } catch (const std::bad_alloc&) {
    channel::ApplicationEnd::abandon(**region, *bell);
    return Unexpected(Error{ErrorCode::kNoMemory, "no memory for a further socket"});
  }
  if (auto opened = socket->open(port); !opened) return Unexpected(opened.error());
  const std::lock_guard lock(mutex_);
  if (sockets_.size() == sockets_.capacity()) {  // before it grows, so seldom
    std::erase_if(sockets_, [](const auto& other) { return other.expired(); });
  }
  sockets_.push_back(socket);
  return socket;
}

void HostState::stop() {
  if (inherited()) return;
  std::vector<std::weak_ptr<SocketState>> sockets;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
    sockets.swap(sockets_);
  }
  for (const auto& weak : sockets) {
    if (const auto socket = weak.lock()) socket->shutdown();
  }
  link_->stop();
}

std::string HostState::description() const {
  const std::uint32_t packet = capabilities_.packet_bytes_max;
  std::string text = capabilities_.name + " " + address().to_string() + ", packets of " +
                     std::to_string(packet) + " bytes, " +
                     rate_in_words(core_config_.link_bits_per_second);
  if (!config_.run_in_callers) text += ", run by the library's thread only";
  return capabilities_.note.empty() ? text : text + " (" + capabilities_.note + ")";
}

std::vector<Counter> HostState::counters() const {
  std::vector<Counter> result;
  for (const trace::CounterValue& value : trace::read(link_->counters())) {
    result.push_back({std::string(value.name), std::string(value.meaning), value.value});
  }
  if (inherited()) return result;  // the back end's are asked for under a lock
  const io::IoStatistics io = link_->io_statistics();
  result.push_back({"io_receive_calls", "times packets were asked for", io.receive_calls});
  result.push_back({"io_send_calls", "times packets were handed over", io.send_calls});
  result.push_back({"io_frames_received", "packets the back end received", io.frames_received});
  result.push_back({"io_frames_sent", "packets the back end sent", io.frames_sent});
  result.push_back({"io_send_refused", "packets the device or kernel refused", io.send_refused});
  result.push_back({"io_receive_dropped", "packets that were not for Homa", io.receive_dropped});
  return result;
}

}  // namespace homa::client
