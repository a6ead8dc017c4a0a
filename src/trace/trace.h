// Counters and typed events, declared once: name, meaning and text follow from one line.
// A Recorder belongs to one thread. Counters are relaxed atomics, so that any thread may read them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "trace/drop_reason.h"

namespace homa::trace {

#define HOMA_DROP_COUNTER(NAME, reason, counter, word, meaning) NAME(counter, meaning)

// NAME(identifier, "meaning")
#define HOMA_COUNTERS(NAME)                                                                        \
  NAME(packets_received, "Homa packets received")                                                  \
  NAME(packets_sent, "Homa packets sent")                                                          \
  NAME(bytes_received, "DATA payload bytes received, duplicates included")                         \
  NAME(bytes_sent, "DATA payload bytes sent, retransmissions included")                            \
  NAME(bytes_same_host, "of both, bytes that went from one socket of this engine to another")      \
  NAME(requests_sent, "RPCs started here")                                                         \
  NAME(responses_received, "RPCs of ours that completed")                                          \
  NAME(requests_received, "requests delivered to applications")                                    \
  NAME(responses_sent, "requests answered here")                                                   \
  NAME(rpcs_failed, "RPCs of ours that ended with an error")                                       \
  NAME(served_aborted, "served RPCs that ended before their response was acked")                   \
  NAME(rpcs_timed_out, "RPCs ended by the silence of their peer")                                  \
  NAME(grants_sent, "GRANT packets sent")                                                          \
  NAME(grants_received, "GRANT packets received")                                                  \
  NAME(fifo_granted_bytes, "bytes granted to the oldest message out of turn")                      \
  NAME(resends_sent, "RESEND packets sent")                                                        \
  NAME(resends_postponed, "times that a busy link explained the silence: not asked again")         \
  NAME(questions_postponed, "RESENDs and NEED_ACKs that waited: their peer was asked enough")      \
  NAME(repairs_awaited, "times that bytes asked for were on their way: not asked for again")       \
  NAME(resends_received, "RESEND packets received")                                                \
  NAME(queries_sent, "QUERY packets sent: several waiting RPCs of a server's at once")             \
  NAME(queries_received, "QUERY packets received")                                                 \
  NAME(status_sent, "STATUS packets sent")                                                         \
  NAME(status_received, "STATUS packets received")                                                 \
  NAME(challenges_sent, "CHALLENGE packets sent: is the peer where it seems to be?")               \
  NAME(challenges_received, "CHALLENGE packets received")                                          \
  NAME(answers_sent, "ANSWER packets sent")                                                        \
  NAME(answers_received, "ANSWER packets received")                                                \
  NAME(addresses_proved, "times that a peer proved its address")                                   \
  NAME(responses_withheld, "responses cut short until their client proved its address")            \
  NAME(packets_withheld, "packets not sent: their receiver had not proved its address")            \
  NAME(requests_displaced, "requests dropped half-sent: memory for strangers was used up")         \
  NAME(messages_too_slow, "messages dropped: they came too slowly, and others needed the memory")  \
  NAME(responses_displaced, "unacked responses dropped: their RPC slots were needed")              \
  NAME(peers_moved, "times that a peer was found at another address")                              \
  NAME(hosts_silent, "times that a peer answered no question and all its RPCs ended")              \
  NAME(retransmitted_packets, "DATA packets sent again")                                           \
  NAME(retransmitted_bytes, "DATA payload bytes sent again")                                       \
  NAME(messages_cut, "messages whose packets became shorter on their way: they did not fit")       \
  NAME(resends_suppressed, "RESENDs for bytes sent within the last tick: not sent again")          \
  NAME(resends_refused, "RESENDs and UNKNOWNs without effect: enough was sent again to that peer") \
  NAME(busy_sent, "BUSY packets sent")                                                             \
  NAME(busy_postponed, "RESENDs and NEED_ACKs without an answer: enough BUSY was said")            \
  NAME(busy_received, "BUSY packets received")                                                     \
  NAME(unknown_sent, "UNKNOWN packets sent")                                                       \
  NAME(unknown_received, "UNKNOWN packets received")                                               \
  NAME(need_ack_sent, "NEED_ACK packets sent")                                                     \
  NAME(need_ack_received, "NEED_ACK packets received")                                             \
  NAME(need_ack_given_up, "responses dropped because their client never acked")                    \
  NAME(acks_sent, "ACK packets sent")                                                              \
  NAME(acks_received, "ACK packets received")                                                      \
  NAME(acks_ridden, "acks that rode on DATA")                                                      \
  NAME(cutoffs_sent, "CUTOFFS packets sent")                                                       \
  NAME(cutoffs_received, "CUTOFFS packets received")                                               \
  NAME(cutoffs_recomputed, "times the cutoffs were recomputed from traffic")                       \
  NAME(errors_sent, "ERROR packets sent")                                                          \
  NAME(errors_received, "ERROR packets received")                                                  \
  NAME(buffer_waits_given_up, "messages refused: they waited long for room in the receive memory") \
  NAME(pressure_held, "messages without a buffer: their program was beyond its guarantee")         \
  NAME(pressure_incoming_dropped, "incoming messages dropped: memory was short, and they idle")    \
  NAME(pressure_outgoing_dropped, "outgoing messages dropped: memory was short, and not granted")  \
  NAME(pressure_sends_refused, "messages not sent: memory was short")                              \
  NAME(controls_dropped, "control packets not sent: too many waited")                              \
  NAME(unreachable_received, "ICMP errors about packets of ours")                                  \
  HOMA_DROP_REASONS(HOMA_DROP_COUNTER, NAME)                                                       \
  NAME(submissions_refused, "channel entries that made no sense")                                  \
  NAME(peers_created, "peers seen for the first time")                                             \
  NAME(peers_collected, "idle peers forgotten")                                                    \
  NAME(peers_restarted, "peers whose engine was seen to restart")

struct Counters {
#define HOMA_COUNTER_FIELD(name, meaning) std::atomic<std::uint64_t> name{0};
  HOMA_COUNTERS(HOMA_COUNTER_FIELD)
#undef HOMA_COUNTER_FIELD
};

// Owner's thread only: a plain add, visible to readers of other threads.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

std::atomic<std::uint64_t>& counter_of(Counters& counters, DropReason reason);

struct CounterValue {
  std::string_view name;
  std::string_view meaning;
  std::uint64_t value;
};
// A consistent enough snapshot for people: each value is exact, all of them are not of one instant.
std::vector<CounterValue> read(const Counters& counters);

// EVENT(identifier, "what a means", "what b means")
#define HOMA_EVENTS(EVENT)                         \
  EVENT(rpc_started, "length", "peer port")        \
  EVENT(data_sent, "offset", "length")             \
  EVENT(data_received, "offset", "length")         \
  EVENT(grant_sent, "offset", "priority")          \
  EVENT(grant_received, "offset", "priority")      \
  EVENT(resend_sent, "offset", "length")           \
  EVENT(resend_received, "offset", "length")       \
  EVENT(control_sent, "packet type", "")           \
  EVENT(control_received, "packet type", "")       \
  EVENT(packet_dropped, "reason", "packet length") \
  EVENT(request_delivered, "length", "")           \
  EVENT(reply_started, "length", "")               \
  EVENT(response_delivered, "length", "")          \
  EVENT(rpc_failed, "error code", "")              \
  EVENT(rpc_ended, "", "")

enum class EventType : std::uint16_t {
#define HOMA_EVENT_ENUM(name, a, b) name,
  HOMA_EVENTS(HOMA_EVENT_ENUM)
#undef HOMA_EVENT_ENUM
};
std::string_view to_string(EventType type);

struct Record {
  Time time;
  std::uint64_t rpc;  // wire id as its client names it
  std::uint32_t a;
  std::uint32_t b;
  EventType type;
};

// The counters and, when there is room for some, the most recent events in a ring.
class Recorder {
 private:
  std::unique_ptr<Counters> own_counters_;
  std::vector<Record> own_ring_;
  std::span<Record> ring_;
  std::uint64_t next_ = 0;

 public:
  // In memory of its own. capacity: events kept, 0 for none; rounded up to a power of two.
  explicit Recorder(std::size_t capacity = 0);
  // In the caller's memory, which outlives it. `ring` has room for none or a power of two.
  explicit Recorder(Counters& its_counters, std::span<Record> ring = {})
      : ring_(ring), counters(its_counters) {}

  Counters& counters;

  void append(Time time, EventType type, std::uint64_t rpc, std::uint64_t a, std::uint64_t b) {
    if (ring_.empty()) return;
    ring_[static_cast<std::size_t>(next_++) & (ring_.size() - 1)] =
        Record{time, rpc, static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b), type};
  }
  bool enabled() const { return !ring_.empty(); }
  // Oldest first.
  std::vector<Record> records() const;
};

}  // namespace homa::trace
