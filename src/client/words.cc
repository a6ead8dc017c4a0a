#include "client/words.h"

namespace homa::client {

std::string failure_in_words(ErrorCode code, const SocketAddress& peer) {
  const std::string who = peer.to_string();
  switch (code) {
    case ErrorCode::kTimeout:
      return who + " did not respond in time; is it running, and is the network up?";
    case ErrorCode::kNoSuchSocket:
      return "no Homa socket is bound to " + who + "; is the server running?";
    case ErrorCode::kPeerUnreachable:
      return "no Homa engine answers at " + peer.host.to_string() + ", or no route leads there";
    case ErrorCode::kPeerRestarted:
      return who + " was restarted and lost the RPC; it may or may not have run";
    case ErrorCode::kCancelled: return "the RPC with " + who + " was aborted";
    case ErrorCode::kOverloaded: return who + " has too many requests in progress; try again later";
    case ErrorCode::kNotAServer: return who + " is a client's port and takes no requests";
    case ErrorCode::kTooLong: return "the message is longer than " + who + " takes";
    case ErrorCode::kNoMemory: return "too many RPCs are in progress on this host (rpcs_max)";
    case ErrorCode::kStale:
      return who + " refused the request: it is so old that it may have run before";
    default: return std::string(to_string(code)) + " (" + who + ")";
  }
}

}  // namespace homa::client
