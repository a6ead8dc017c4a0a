#include "client/words.h"

namespace homa::client {
namespace {

std::string cause(ErrorCode code, const SocketAddress& peer) {
  const std::string who = peer.to_string();
  switch (code) {
    case ErrorCode::kTimeout: return who + " did not answer within the time that the caller gave";
    case ErrorCode::kPeerSilent:
      return who + " was asked several times and did not answer; is it running, and is the " +
             "network up?";
    case ErrorCode::kPeerGone:
      return "the Homa engine at " + peer.host.to_string() +
             " has ended: its program died or was " + "stopped";
    case ErrorCode::kNoSuchSocket:
      return "no Homa socket is bound to " + who + "; is the server running?";
    case ErrorCode::kPeerUnreachable:
      return "no Homa engine answers at " + peer.host.to_string() + ", or no route leads there";
    case ErrorCode::kPeerRestarted: return who + " was restarted and lost the RPC";
    case ErrorCode::kCancelled: return "the RPC with " + who + " was aborted";
    case ErrorCode::kOverloaded:
      return who + " has no room for more requests, in number or in bytes; try again later";
    case ErrorCode::kNotAServer: return who + " is a client's port and takes no requests";
    case ErrorCode::kTooLong:
      return "a message to or from " + who + " is longer than its receiver " +
             "takes (message_bytes_max)";
    case ErrorCode::kNoMemory:
      return "this host has no room for the RPC with " + who +
             ": too many are in progress (rpcs_max), or messages that were received and not " +
             "released fill its receive memory";
    case ErrorCode::kDraining:
      return who + " takes no new requests, because it is about to end; call another server";
    case ErrorCode::kTooSlow:
      return "a message between this host and " + who +
             " came too slowly (receive_rate_min) while " +
             "others waited for its receiver's memory";
    case ErrorCode::kStale:
      return who + " refused the request: it is so old that it may have run before";
    case ErrorCode::kEngineLost: return "homad ended while the RPC was in progress";
    default: return std::string(to_string(code)) + " (" + who + ")";
  }
}

const char* consequence(Executed executed) {
  switch (executed) {
    case Executed::kNo: return "; the request was not executed";
    case Executed::kPerhaps: return "; the request may have been executed";
    case Executed::kYes: return "; the request was executed";
  }
  return "";
}

}  // namespace

Error failure_in_words(ErrorCode code, Executed executed, const SocketAddress& peer) {
  return {code, cause(code, peer) + consequence(executed), executed};
}

}  // namespace homa::client
