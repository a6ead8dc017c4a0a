#include "core/control_queue.h"

#include <algorithm>
#include <new>

#include "core/executed.h"

namespace homa::core {
namespace {
constexpr std::uint32_t kCutoffMax = 0x7fffffff;  // on the wire
}  // namespace

// nullptr: too many wait, or there is no memory.
TxPacket* ControlQueue::place() try {
  return waiting_.size() < kMost ? &waiting_.push_slot() : nullptr;
} catch (const std::bad_alloc&) {
  return nullptr;
}

template <typename Header>
void ControlQueue::push(Time now, const Way& to, const Header& header,
                        std::atomic<std::uint64_t>& counter) {
  trace::add(counter);
  TxPacket* const place = this->place();
  if (place == nullptr) return trace::add(recorder_.counters.controls_dropped);
  TxPacket& packet = *place;
  packet.destination = to.address;
  packet.path = to.path;
  packet.priority = kHighestPriority;
  packet.header_length = static_cast<std::uint8_t>(wire::encode(header, packet.header));
  packet.payload_length = 0;
  recorder_.append(now, trace::EventType::control_sent, raw(header.common.sender_id) & ~1ULL,
                   raw(Header::kType), 0);
}

wire::CommonHeader ControlQueue::header_for(const Rpc& rpc) {
  wire::CommonHeader header;
  header.source_port = rpc.local_port;
  header.destination_port = rpc.peer_port;
  header.identity = rpc.peer->self;
  header.sender_id = rpc.wire_id();
  return header;
}

wire::CommonHeader ControlQueue::answer_to(const Way& to, const wire::CommonHeader& received) {
  wire::CommonHeader header;
  header.source_port = received.destination_port;
  header.destination_port = received.source_port;
  header.identity = to.self;
  header.sender_id = other_side(received.sender_id);
  return header;
}

void ControlQueue::resend(Time now, const Rpc& rpc, ByteRange bytes) {
  recorder_.append(now, trace::EventType::resend_sent, raw(rpc.client_id), bytes.begin,
                   bytes.size());
  push(now, rpc.way(),
       wire::ResendHeader{header_for(rpc), bytes.begin, bytes.size(), kHighestPriority},
       recorder_.counters.resends_sent);
}

void ControlQueue::resend_everything(Time now, const Rpc& rpc) {
  resend(now, rpc, ByteRange{0, wire::kEverythingSent});
}

void ControlQueue::busy(Time now, const Way& to, const Rpc& rpc) {
  push(now, to, wire::BusyHeader{header_for(rpc)}, recorder_.counters.busy_sent);
}

void ControlQueue::need_ack(Time now, const Rpc& rpc) {
  push(now, rpc.way(), wire::NeedAckHeader{header_for(rpc)}, recorder_.counters.need_ack_sent);
}

void ControlQueue::error(Time now, const Rpc& rpc, ErrorCode code) {
  push(
      now, rpc.way(),
      wire::ErrorHeader{header_for(rpc), raw(code), raw(executed_at_server(rpc)), limit_told(code)},
      recorder_.counters.errors_sent);
}

void ControlQueue::unknown(Time now, const Way& to, const wire::CommonHeader& about) {
  push(now, to, wire::UnknownHeader{answer_to(to, about)}, recorder_.counters.unknown_sent);
}

void ControlQueue::busy(Time now, const Way& to, const wire::CommonHeader& about) {
  push(now, to, wire::BusyHeader{answer_to(to, about)}, recorder_.counters.busy_sent);
}

void ControlQueue::error(Time now, const Way& to, const wire::CommonHeader& about, ErrorCode code) {
  push(now, to,
       wire::ErrorHeader{answer_to(to, about), raw(code), raw(executed_if_refused(code)),
                         limit_told(code)},
       recorder_.counters.errors_sent);
}

void ControlQueue::cutoffs(Time now, const Way& to, const wire::CommonHeader& about,
                           const PriorityMap& priorities) {
  wire::CutoffsHeader header{answer_to(to, about), priorities.cutoffs(), priorities.version()};
  // A kernel reads them as signed numbers, and a negative one sends the longest messages last.
  for (std::uint32_t& cutoff : header.cutoffs) cutoff = std::min(cutoff, kCutoffMax);
  push(now, to, header, recorder_.counters.cutoffs_sent);
}

void ControlQueue::query(Time now, const Way& to, const wire::QueryHeader& query) {
  push(now, to, query, recorder_.counters.queries_sent);
}

void ControlQueue::status(Time now, const Way& to, const wire::StatusHeader& status) {
  push(now, to, status, recorder_.counters.status_sent);
}

void ControlQueue::challenge(Time now, const Way& to, const wire::CommonHeader& header,
                             std::uint64_t nonce) {
  push(now, to, wire::ChallengeHeader{header, nonce}, recorder_.counters.challenges_sent);
}

void ControlQueue::answer(Time now, const Way& to, const wire::CommonHeader& challenge,
                          std::uint64_t nonce) {
  push(now, to, wire::AnswerHeader{answer_to(to, challenge), nonce},
       recorder_.counters.answers_sent);
}

void ControlQueue::ack(Time now, const Way& to, const wire::CommonHeader& common, AckBook& book) {
  wire::AckHeader header;
  header.common = common;
  book.take_all(header);
  push(now, to, header, recorder_.counters.acks_sent);
}

}  // namespace homa::core
