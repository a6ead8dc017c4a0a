// All messages of a run with their results, and the measurements that all transports share.
//
// The first messages are warm-up, the next `messages` are measured. The ones after them keep up the
// load until all measured ones have ended.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/network.h"
#include "sim/slowdown.h"
#include "sim/topology.h"
#include "sim/traffic.h"

namespace homa::sim {

using MessageId = std::uint32_t;

struct Message {
  enum class State : std::uint8_t { kUnderWay, kDone, kFailed };
  SimTime start{};
  std::uint32_t bytes = 0;
  std::uint32_t arrived = 0;  // of the request, at its destination
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
  State state = State::kUnderWay;
  bool measured = false;
};

// Where the slowest short messages lost their time, on average (the Homa paper's figure 14).
struct LostTime {
  std::uint64_t count = 0;
  double total_us = 0;       // above the best time
  double queueing_us = 0;    // behind packets of equal or higher priority
  double preemption_us = 0;  // behind packets of lower priority that were on the link already
  double sender_us = 0;      // the rest: waiting to be sent
};

// The payload of requests that have begun and not arrived. Each measured message notes it when it
// begins. These are the averages over the first half of the measured messages and over the second.
// Because messages begin at random times, they are averages over time too.
struct Backlog {
  double first_half_bytes = 0;
  double second_half_bytes = 0;
  // The difference of the two, as a share of the bytes of half of the messages. It is close to 0 if
  // the network sustains the load. Otherwise it is the share of the load that the network cannot
  // carry.
  double growth = 0;
};

class Ledger {
 public:
  // `network` outlives the ledger.
  Ledger(const TrafficConfig& traffic, const TopologyConfig& topology, const PacketShape& shape,
         std::uint32_t unscheduled_bytes, Network& network);

  MessageId begin(const Arrival& arrival);
  // `payload` new bytes of a request reached its destination in a packet.
  void request_progress(SimTime now, MessageId id, std::uint32_t payload);
  // The same for a response at its client.
  void response_progress(SimTime now, std::uint32_t payload) { count_goodput(now, payload); }
  // The message (request-response: the RPC) is complete. `waited`, `lower_wait`: picoseconds that
  // its last packet spent in queues (Packet).
  void complete(SimTime now, MessageId id, std::int64_t waited, std::int64_t lower_wait);
  void fail(SimTime now, MessageId id);
  // The destination lost the bytes of the message that had arrived.
  void forget_progress(SimTime now, MessageId id);
  void violation(std::string text);

  const Message& operator[](MessageId id) const { return messages_[id]; }
  std::size_t size() const { return messages_.size(); }
  std::uint32_t response_bytes(MessageId id) const {
    return traffic_.response_bytes > 0 ? traffic_.response_bytes : messages_[id].bytes;
  }

  // --- Progress of the run ---
  bool measured_complete() const { return ended_measured_ == traffic_.messages; }
  bool measured_begun() const { return counted_ >= warm_up_messages_ + traffic_.messages; }
  std::uint64_t ended_measured() const { return ended_measured_; }
  std::uint64_t under_way() const { return messages_.size() - ended_; }
  // The run is over: brings all measurements up to now.
  void finish(SimTime now);

  // --- Results ---
  const SlowdownStatistics& slowdowns() const { return slowdowns_; }
  LostTime lost_time() const;
  // From the first measured message's start to the last one's.
  SimTime window() const { return window_end_ - window_begin_; }
  // Share of the hosts' links that DATA filled in the window, first copies only.
  double sustained_load() const;
  double offered_load() const;
  Backlog backlog() const;
  // Payload bits per second and host in the window.
  double goodput_bits_per_second() const;
  // Share of time that a downlink was idle while a message longer than the unscheduled bytes had
  // begun to arrive and was not complete.
  double wasted_downlink() const;
  std::uint64_t unscheduled_payload() const { return unscheduled_payload_; }
  std::uint64_t offered_payload() const { return offered_payload_; }
  std::uint64_t failed() const { return failed_; }
  std::uint64_t completed() const { return ended_ - failed_; }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct Downlink {  // per host, for wasted_downlink()
    std::uint32_t open = 0;
    SimTime since{};
    SimTime busy_at_since{};
  };
  struct ShortSample {
    float slowdown;
    float over_us;
    float waited_us;
    float lower_us;
  };

  void end(MessageId id);
  void close_downlink(SimTime now, HostId host);
  void count_goodput(SimTime now, std::uint32_t payload);

  TrafficConfig traffic_;
  TopologyConfig topology_;
  PacketShape shape_;
  std::uint32_t unscheduled_bytes_;
  std::uint32_t median_bytes_;
  Network& network_;
  BestTime best_;
  std::vector<Message> messages_;
  std::uint64_t counted_ = 0;  // messages begun that are not of a burst
  std::uint64_t warm_up_messages_;
  std::uint64_t ended_ = 0;
  std::uint64_t ended_measured_ = 0;
  std::uint64_t failed_ = 0;
  SlowdownStatistics slowdowns_;
  std::vector<ShortSample> short_samples_;
  SimTime window_begin_ = kSimNever;
  SimTime window_end_ = kSimNever;
  std::uint64_t window_wire_bytes_ = 0;
  std::uint64_t window_payload_ = 0;
  std::uint64_t offered_wire_bytes_ = 0;
  std::uint64_t offered_payload_ = 0;
  std::uint64_t unscheduled_payload_ = 0;
  std::uint64_t backlog_ = 0;                        // now
  std::array<double, 2> backlog_sums_{};             // by half, over its messages
  std::array<std::uint64_t, 2> backlog_messages_{};  // how many
  std::vector<Downlink> downlinks_;
  SimTime wasted_{0};
  SimTime finished_{0};
  std::vector<std::string> violations_;
};

}  // namespace homa::sim
