// Control packets that wait to be sent: encoded, counted and traced when they are queued. The queue
// is bounded; beyond that they are dropped and counted, and timers repair it.
#pragma once

#include <cstddef>

#include "base/growing_queue.h"
#include "core/packets.h"
#include "core/priority_map.h"
#include "core/rpc_table.h"
#include "trace/trace.h"

namespace homa::core {

class ControlQueue {
 public:
  static constexpr std::size_t kMost = 16'384;

  // longest: of a message that this host takes.
  ControlQueue(trace::Recorder& recorder, std::uint32_t longest)
      : recorder_(recorder), longest_(longest) {}

  // Of an ERROR with that code.
  static std::size_t error_bytes(ErrorCode code) {
    return code == ErrorCode::kTooLong ? wire::kErrorWithLimitBytes : wire::kErrorBytes;
  }

  // --- About an RPC of this host ---
  static wire::CommonHeader header_for(const Rpc& rpc);
  // About the RPC of query.common and those listed, of one peer.
  void query(Time now, const Way& to, const wire::QueryHeader& query);
  void resend(Time now, const Rpc& rpc, ByteRange bytes);
  void resend_everything(Time now, const Rpc& rpc);
  void busy(Time now, const Way& to, const Rpc& rpc);
  void need_ack(Time now, const Rpc& rpc);
  void error(Time now, const Rpc& rpc, ErrorCode code);

  // --- About a peer; `header` names any RPC with it ---
  void challenge(Time now, const Way& to, const wire::CommonHeader& header, std::uint64_t nonce);

  // --- In answer to a packet that may belong to no RPC ---
  static wire::CommonHeader answer_to(const Way& to, const wire::CommonHeader& received);
  void unknown(Time now, const Way& to, const wire::CommonHeader& about);
  void busy(Time now, const Way& to, const wire::CommonHeader& about);
  void error(Time now, const Way& to, const wire::CommonHeader& about, ErrorCode code);
  void cutoffs(Time now, const Way& to, const wire::CommonHeader& about,
               const PriorityMap& priorities);
  void status(Time now, const Way& to, const wire::StatusHeader& status);
  void answer(Time now, const Way& to, const wire::CommonHeader& challenge, std::uint64_t nonce);
  // With all acks in `book`; the id in `common` is one more (docs/protocol.md#acks).
  void ack(Time now, const Way& to, const wire::CommonHeader& common, AckBook& book);

  bool empty() const { return waiting_.empty(); }
  TxPacket& front() { return waiting_.front(); }
  void pop() { waiting_.pop(); }

 private:
  TxPacket* place();
  template <typename Header>
  void push(Time now, const Way& to, const Header& header, std::atomic<std::uint64_t>& counter);

  // Who sent too much learns how much would not be.
  std::uint32_t limit_told(ErrorCode code) const {
    return code == ErrorCode::kTooLong ? longest_ : 0;
  }

  trace::Recorder& recorder_;
  const std::uint32_t longest_;
  base::GrowingQueue<TxPacket> waiting_;
};

}  // namespace homa::core
