// Which peers' ways does the endpoint want to know? Each is asked about when a message for it
// begins, once until the paths of this host change (docs/protocol.md#path-mtu).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/growing_queue.h"
#include "core/peer_table.h"

namespace homa::core {

class PathQuestions {
 public:
  // More are not asked about at once; their next message asks.
  static constexpr std::size_t kMost = 4'096;

  // `payload_max`: what the peer's packets may have until the answer comes, if nothing is known.
  void ask(Peer& peer, std::uint32_t payload_max) {
    if (peer.path_asked != generation_) ask_anew(peer, payload_max);
  }
  // The next peer to be asked about; nothing: none.
  std::optional<Address> next();
  // All answers are void: each peer is asked about again.
  void paths_changed() { ++generation_; }

 private:
  void ask_anew(Peer& peer, std::uint32_t payload_max);

  base::GrowingQueue<Address> waiting_;
  std::uint32_t generation_ = 1;
};

}  // namespace homa::core
