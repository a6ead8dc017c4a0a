#include "client/host_state.h"

#include <new>
#include <utility>

#include "base/failure.h"
#include "channel/wake.h"
#include "client/cpu_latency.h"
#include "client/daemon_link.h"
#include "client/in_process_link.h"
#include "client/make_engine.h"
#include "client/socket_state.h"

namespace homa::client {
namespace {

constexpr int kOpenAgain = 2;  // while another homad takes the place of ours

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

// What only an engine of one's own does, by name; nullptr: nothing of that is asked for.
const char* wish_for_own_engine(const HostConfig& config) {
  const HostConfig usual;
  if (config.backend != usual.backend) return "backend";
  if (!config.address.empty()) return "address";
  if (!config.interface.empty()) return "interface";
  if (config.udp_port != usual.udp_port && config.udp_port != 0) return "udp_port";
  if (config.mtu != 0) return "mtu";
  if (config.coalesce) return "coalesce";
  if (config.cpu_latency) return "cpu_latency";
  if (!config.parameters.empty()) return "parameters";
  if (config.loss > 0 || config.duplication > 0 || config.reordering > 0) return "faults";
  if (!config.pcap.empty()) return "pcap";
  return nullptr;
}

std::string describe(const MadeEngine& made, const HostConfig& config) {
  std::string text = made.description;
  if (!config.run_in_callers) text += ", run by the library's thread only";
  return made.note.empty() ? text : text + " (" + made.note + ")";
}

Result<std::shared_ptr<EngineLink>, Error> own_engine(const HostConfig& config) {
  const auto wake_fd = channel::create_descriptor();
  if (!wake_fd) return Unexpected(wake_fd.error());
  base::Descriptor wake(*wake_fd);
  auto made = make_engine(config, wake.get());
  if (!made) return Unexpected(made.error());
  InProcessLink::Facts facts{made->address, describe(*made, config), {}};
  if (config.cpu_latency) {
    auto limit = limit_cpu_latency(*config.cpu_latency);
    if (!limit) return Unexpected(limit.error());
    facts.cpu_latency = std::move(limit).value();
  }
  const core::CoreConfig& core = made->engine->endpoint().config();
  const LinkLimits limits{core.rpcs_max, core.message_bytes_max, config.transmit_bytes,
                          config.run_in_callers ? Duration::zero() : Duration(config.poll)};
  auto link = InProcessLink::start(
      std::move(made->engine), std::move(wake), limits,
      RunnerConfig{Duration(config.poll), Duration(config.takeover), config.run_in_callers},
      config.pollers_max, std::move(facts));
  if (!link) return Unexpected(link.error());
  return std::shared_ptr<EngineLink>(std::move(link).value());
}

Result<std::shared_ptr<EngineLink>, Error> find_engine(const HostConfig& config) {
  if (config.engine == EngineChoice::kOwn) return own_engine(config);
  const bool insists = config.engine == EngineChoice::kDaemon;
  const std::string path = daemon_socket(config.daemon_socket);
  if (path.empty() && !insists) return own_engine(config);
  if (const char* wish = wish_for_own_engine(config)) {
    if (!insists) return own_engine(config);
    return failure(ErrorCode::kInvalidArgument, std::string("HostConfig::") + wish +
                                                    " is for an engine of one's own; homad's " +
                                                    "configuration says it for all programs");
  }
  auto link =
      DaemonLink::connect({path, config.receive_bytes, config.transmit_bytes,
                           config.wait_for_memory, Duration(config.poll), config.pollers_max});
  if (!link) return Unexpected(link.error());
  if (*link) return std::shared_ptr<EngineLink>(std::move(*link));
  if (!insists) return own_engine(config);
  return failure(ErrorCode::kSystem, "no homad answers at " + (path.empty() ? "\"off\"" : path) +
                                         "; start it (systemctl start homad), or allow an engine " +
                                         "of one's own");
}

}  // namespace

HostState::HostState(std::shared_ptr<EngineLink> link) : link_(std::move(link)) {}

Result<std::shared_ptr<HostState>, Error> HostState::open(const HostConfig& config) {
  if (auto valid = validate(config); !valid) return Unexpected(valid.error());
  auto link = find_engine(config);
  if (!link) return Unexpected(link.error());
  return std::shared_ptr<HostState>(new HostState(std::move(link).value()));
}

HostState::~HostState() { stop(); }

Result<std::shared_ptr<SocketState>, Error> HostState::open_socket(std::uint16_t port, bool apart) {
  link_->await_successor();
  auto opened = try_open_socket(port, apart);
  for (int more = kOpenAgain; more > 0 && !opened; --more) {
    if (opened.error().code != ErrorCode::kEngineLost || !link_->await_successor()) break;
    opened = try_open_socket(port, apart);
  }
  return opened;
}

Result<std::shared_ptr<SocketState>, Error> HostState::try_open_socket(std::uint16_t port,
                                                                       bool apart) {
  channel::ChannelConfig config;
  config.transmit_bytes = link_->limits().transmit_bytes + SocketState::kReserveBytes;
  auto attached = apart ? link_->attach_apart(config) : link_->attach(config, port);
  if (!attached) return Unexpected(attached.error());
  std::shared_ptr<SocketState> socket;
  try {
    socket = std::make_shared<SocketState>(link_, attached->region, attached->bell,
                                           std::move(attached->memory));
  } catch (const std::bad_alloc&) {
    channel::ApplicationEnd::abandon(*attached->region, attached->bell);
    return Unexpected(Error{ErrorCode::kNoMemory, "no memory for a further socket"});
  }
  link_->add_user(socket);
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

}  // namespace homa::client
