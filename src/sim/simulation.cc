#include "sim/simulation.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/failure.h"
#include "sim/oracle.h"

namespace homa::sim {
namespace {

constexpr std::uint64_t kProgressEvents = 1'000'000;
// A class of sizes has at least this share of the messages, and this many.
constexpr std::uint64_t kClassShare = 1000;
constexpr std::uint64_t kClassMin = 100;

}  // namespace

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::kHoma: return "homa";
    case Protocol::kOracle: return "oracle";
    case Protocol::kDctcp: return "dctcp";
  }
  return "?";
}

PacketShape SimConfig::shape() const {
  return {homa.core.payload_bytes_max,
          topology.packet_overhead_bytes + static_cast<std::uint32_t>(wire::kDataHeaderBytes)};
}

Result<void, Error> SimConfig::validate() const {
  if (auto valid = topology.validate(); !valid) return valid;
  if (auto valid = switches.validate(); !valid) return valid;
  if (auto valid = traffic.validate(topology); !valid) return valid;
  if (auto valid = dctcp.validate(); !valid) return valid;
  if (traffic.request_response && protocol != Protocol::kHoma) {
    return failure(ErrorCode::kInvalidArgument,
                   "request-response traffic is for Homa only; the baselines carry "
                   "one-way messages");
  }
  for (const Fault& fault : faults.plan) {
    if (fault.host >= topology.hosts) {
      return failure(ErrorCode::kInvalidArgument, "faults: no such host");
    }
  }
  const auto core = derive(homa, topology, traffic.distribution().value());
  if (protocol == Protocol::kHoma) return core.validate();
  return {};
}

class Simulation::Impl {
 public:
  explicit Impl(const SimConfig& config)
      : config_(config),
        core_(derive(config.homa, config.topology, config.traffic.distribution().value())),
        network_(config.topology, config.switches, config.seed, events_, packets_),
        ledger_(config.traffic, config.topology, config.shape(), core_.unscheduled_bytes, network_),
        traffic_(config.traffic, config.topology, config.shape(), config.seed) {
    if (config.check) core_.receive_region_bytes = config.homa.core.receive_region_bytes;
    core_.message_bytes_max = std::max(
        {core_.message_bytes_max, config.traffic.response_bytes, config.traffic.incast_bytes});
    const Surroundings surroundings{events_, packets_, network_, ledger_};
    switch (config.protocol) {
      case Protocol::kHoma: make_homa(surroundings); break;
      case Protocol::kOracle:
        transport_ =
            std::make_unique<OracleTransport>(config.topology, config.shape(), surroundings);
        break;
      case Protocol::kDctcp: {
        auto dctcp = std::make_unique<DctcpTransport>(config.dctcp, config.topology, surroundings);
        dctcp_ = dctcp.get();
        transport_ = std::move(dctcp);
        break;
      }
    }
    network_.set_faults(config.faults.links);
    for (std::size_t i = 0; i < config.faults.plan.size(); ++i) {
      events_.push(config.faults.plan[i].time, EventKind::kFault, 0, static_cast<std::uint32_t>(i));
    }
  }

  Report run(const std::function<bool(const Progress&)>& progress) {
    set_time_limit();
    schedule_message();
    Event event;
    std::uint64_t next_progress = kProgressEvents;
    while (!over_ && events_.pop(event)) {
      now_ = event.time;
      handle(event);
      if (progress && events_.popped() >= next_progress) {
        next_progress += kProgressEvents;
        stopped_ = !progress({ledger_.size() - ledger_.under_way(), expected_messages(),
                              events_.popped(), to_seconds(now_), ledger_.under_way()});
        if (stopped_) break;
      }
    }
    if (config_.drain && !stopped_) check_at_rest();
    ledger_.finish(now_);
    return report();
  }

 private:
  void make_homa(const Surroundings& surroundings) {
    HomaTransportConfig homa{core_,
                             config_.homa.paced,
                             config_.traffic.request_response,
                             config_.traffic.service_time,
                             config_.seed,
                             config_.check,
                             config_.homa.derived};
    auto transport = std::make_unique<HomaTransport>(homa, config_.topology, surroundings);
    for (std::size_t host = 0; host < config_.faults.quirks.size(); ++host) {
      transport->set_quirks(static_cast<HostId>(host), config_.faults.quirks[host]);
    }
    homa_ = transport.get();
    transport_ = std::move(transport);
  }

  void set_time_limit() {
    SimTime limit = config_.time_limit;
    const SimTime expected = traffic_.expected_duration();
    if (limit == SimTime::zero()) limit = 2 * expected + std::chrono::milliseconds(300);
    if (config_.traffic.pattern == TrafficPattern::kClosedLoop &&
        config_.time_limit == SimTime::zero()) {
      limit = std::chrono::seconds(3600);
    }
    events_.push(limit, EventKind::kTimeLimit, 0);
    sample_every_ = (expected > SimTime::zero() ? expected : std::chrono::milliseconds(100)) /
                    std::max<std::int64_t>(config_.queue_samples, 1);
    if (config_.queue_samples > 0) events_.push(sample_every_, EventKind::kSample, 0);
  }

  // An RPC that ended lets a closed loop start the next one.
  void note_ends() {
    const std::uint64_t ended = ledger_.size() - ledger_.under_way();
    for (; ended_seen_ < ended; ++ended_seen_) traffic_.on_completion(now_);
    if (config_.traffic.pattern == TrafficPattern::kClosedLoop && !message_pending_) {
      schedule_message();
    }
    if (!ledger_.measured_complete()) return;
    if (!config_.drain) {
      over_ = true;
    } else if (ledger_.under_way() == 0) {
      // Acks and timers of what just ended get time to come to rest: what a client that restarted
      // asked for in its former life ends after some seconds.
      if (!resting_) {
        resting_ = true;
        rest_until_ = now_ + std::chrono::seconds(30);
        events_.push(rest_until_, EventKind::kTimeLimit, 1);
      }
    }
  }

  void schedule_message() {
    // With drain, nothing new once all measured messages have begun.
    if (config_.drain && ledger_.size() >= expected_messages()) return;
    if (!traffic_.next(arrival_)) return;
    message_pending_ = true;
    events_.push(std::max(arrival_.time, now_), EventKind::kMessage, 0);
  }
  std::uint64_t expected_messages() const {
    if (config_.traffic.pattern == TrafficPattern::kReplay) return config_.traffic.replay.size();
    return config_.traffic.messages +
           static_cast<std::uint64_t>(static_cast<double>(config_.traffic.messages) *
                                      config_.traffic.warm_up);
  }

  void handle(const Event& event) {
    switch (event.kind) {
      case EventKind::kArrival:
        if (network_.is_host(event.target)) {
          transport_->on_packet(now_, event.value);
          note_ends();
        } else {
          network_.on_switch_arrival(now_, event.target, event.value);
        }
        break;
      case EventKind::kPortFree:
        network_.on_port_free(now_, event.target);
        if (network_.is_host(event.target) && network_.nic_idle(now_, event.target)) {
          transport_->on_nic_free(now_, event.target);
        }
        break;
      case EventKind::kHostTimer:
        transport_->on_timer(now_, event.target, event.value);
        note_ends();
        break;
      case EventKind::kMessage: {
        message_pending_ = false;
        arrival_.time = now_;
        const MessageId message = ledger_.begin(arrival_);
        schedule_message();
        transport_->on_message(now_, message);
        note_ends();
        if (!config_.traffic.await_last && ledger_.measured_begun()) over_ = true;
        break;
      }
      case EventKind::kApplication:
        transport_->on_application(now_, event.target, event.value);
        note_ends();
        break;
      case EventKind::kFault: on_fault(config_.faults.plan[event.value]); break;
      case EventKind::kSample: sample(); break;
      case EventKind::kTimeLimit:
        timed_out_ = event.target == 0;
        over_ = true;
        break;
    }
  }

  void on_fault(const Fault& fault) {
    switch (fault.kind) {
      case Fault::Kind::kLinkDown: network_.set_link_up(fault.host, false); break;
      case Fault::Kind::kLinkUp: network_.set_link_up(fault.host, true); break;
      case Fault::Kind::kRestart:
        transport_->restart(now_, fault.host);
        note_ends();
        break;
      case Fault::Kind::kFaultsEnd: network_.set_faults({}); break;
    }
  }

  void sample() {
    QueueSample sample;
    sample.seconds = to_seconds(now_);
    for (std::size_t kind = 0; kind < kPortKinds; ++kind) {
      sample.kinds[kind] = network_.occupancy(static_cast<PortKind>(kind));
    }
    series_.push_back(sample);
    events_.push(now_ + sample_every_, EventKind::kSample, 0);
  }

  void check_at_rest() {
    if (timed_out_ && ledger_.under_way() > 0) {
      ledger_.violation(std::to_string(ledger_.under_way()) +
                        " messages never ended, the first of them number " +
                        std::to_string(first_under_way()));
    }
    if (network_.queued_bytes() > 0) {
      ledger_.violation(std::to_string(network_.queued_bytes()) +
                        " bytes starve in queues of the network");
    }
    transport_->check_at_rest(now_);
  }
  MessageId first_under_way() const {
    MessageId id = 0;
    while (ledger_[id].state != Message::State::kUnderWay) ++id;
    return id;
  }

  Report report() const {
    Report report;
    const SlowdownStatistics& slowdowns = ledger_.slowdowns();
    report.measured = slowdowns.count();
    report.unfinished = config_.traffic.pattern == TrafficPattern::kReplay
                            ? ledger_.under_way()
                            : config_.traffic.messages - ledger_.ended_measured();
    report.failed = ledger_.failed();
    report.stopped = stopped_;
    report.all = slowdowns.all();
    report.short_half = slowdowns.short_half();
    report.sizes = slowdowns.sizes(std::max(kClassMin, report.measured / kClassShare));
    for (const SizeClass& size : report.sizes) {
      if (size.slowdown.p99 <= report.worst_p99) continue;
      report.worst_p99 = size.slowdown.p99;
      report.worst_p99_bytes = size.bytes_max;
    }
    report.offered_load = ledger_.offered_load();
    report.sustained_load = ledger_.sustained_load();
    report.backlog = ledger_.backlog();
    report.goodput_bits_per_second = ledger_.goodput_bits_per_second();
    report.wasted_downlink = ledger_.wasted_downlink();
    if (ledger_.offered_payload() > 0) {
      report.unscheduled_share = static_cast<double>(ledger_.unscheduled_payload()) /
                                 static_cast<double>(ledger_.offered_payload());
    }
    report.lost_time = ledger_.lost_time();
    for (std::size_t kind = 0; kind < kPortKinds; ++kind) {
      const auto port_kind = static_cast<PortKind>(kind);
      const QueueStatistics& queue = network_.queues(port_kind);
      if (network_.ports_of(port_kind) == 0) continue;
      report.queues.push_back({port_kind, network_.ports_of(port_kind), queue.mean_bytes(),
                               queue.percentile_bytes(0.99), queue.max_bytes()});
    }
    report.queue_series = series_;
    if (homa_ != nullptr) report.homa = homa_->counters();
    report.retransmitted = homa_ != nullptr    ? report.homa.at("retransmitted_packets")
                           : dctcp_ != nullptr ? dctcp_->retransmitted_segments()
                                               : 0;
    report.network = network_.counters();
    report.core = core_;
    report.events = events_.popped();
    report.simulated_seconds = to_seconds(now_);
    report.violations = ledger_.violations();
    return report;
  }

  SimConfig config_;
  core::CoreConfig core_;
  EventQueue events_;
  PacketPool packets_;
  Network network_;
  Ledger ledger_;
  Traffic traffic_;
  std::unique_ptr<Transport> transport_;
  HomaTransport* homa_ = nullptr;  // transport_, if it is one
  DctcpTransport* dctcp_ = nullptr;
  SimTime now_{0};
  Arrival arrival_;
  bool message_pending_ = false;
  bool over_ = false;
  bool timed_out_ = false;
  bool stopped_ = false;
  bool resting_ = false;
  SimTime rest_until_{0};
  std::uint64_t ended_seen_ = 0;
  SimTime sample_every_{0};
  std::vector<QueueSample> series_;
};

Result<std::unique_ptr<Simulation>, Error> Simulation::create(const SimConfig& config) {
  if (auto valid = config.validate(); !valid) return Unexpected(valid.error());
  return std::unique_ptr<Simulation>(new Simulation(std::make_unique<Impl>(config)));
}

Simulation::Simulation(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Simulation::~Simulation() = default;

Report Simulation::run(const std::function<bool(const Progress&)>& progress) {
  return impl_->run(progress);
}

}  // namespace homa::sim
