#include "core/path_questions.h"

namespace homa::core {

void PathQuestions::ask_anew(Peer& peer, std::uint32_t payload_max) {
  if (!peer.mtu.known()) peer.mtu.set_limit(payload_max);
  if (waiting_.size() >= kMost) return;
  peer.path_asked = generation_;
  waiting_.push_slot() = peer.address;
}

std::optional<Address> PathQuestions::next() {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.pop();
}

}  // namespace homa::core
