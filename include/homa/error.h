// What can go wrong, as a code for programs and in words for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace homa {

// Numbers are part of the ABI and the wire (ERROR packets, docs/protocol.md#errors): append only.
enum class ErrorCode : std::uint8_t {
  kOk = 0,
  kTimeout = 1,          // the time that the caller gave is up
  kNoSuchSocket = 2,     // no socket is bound to that port at the peer
  kPeerUnreachable = 3,  // no Homa was ever heard there, or no route leads there
  kPeerRestarted = 4,    // the server lost the RPC's state: it died or was restarted
  kCancelled = 5,        // aborted, by this side or by the peer
  kOverloaded = 6,       // the peer refused the request for want of resources
  kNotAServer = 7,       // the port belongs to a socket that takes no requests
  kTooLong = 8,          // the message is longer than the limit
  kInvalidArgument = 9,  // a parameter of the call is wrong; the text says which
  kNoSuchRpc = 10,       // the id names no RPC in progress
  kWouldBlock = 11,      // nothing to receive now, or no room to send now
  kClosed = 12,          // the socket or host was closed, or shut down
  kInUse = 13,           // the port is taken
  kNoMemory = 14,        // a configured capacity is exhausted
  kNotPermitted = 15,    // a privilege is missing
  kSystem = 16,          // an operating system call failed; the text says which and why
  kStale = 17,           // the peer refused a request so old that it may have run before
  kPeerSilent = 18,      // the peer was asked several times and did not answer
  kPeerGone = 19,        // the peer answered before, and its host now says that no Homa is there
  kWrongProcess = 20,    // the host was opened by a process that this one was forked from
  kTooSlow = 21,         // the sender of a message held memory for it, and sent too little
  kEngineLost = 22,      // homad, whose engine this host uses, has ended; it is attached to again
  kDraining = 23,        // the server takes no new requests, because it is about to end
};

// "timeout", "no such socket", ...: stable words for logs and JSON.
std::string_view to_string(ErrorCode code);

// Whether the server executed the request of an RPC that failed. Numbers are part of the ABI and
// the wire: append only.
enum class Executed : std::uint8_t {
  kNo = 0,       // certainly not: the server's application never had it, so it may be sent again
  kPerhaps = 1,  // nobody can tell
  kYes = 2,      // certainly: the server answered, and the answer did not arrive whole
};

// "not executed", "perhaps executed", "executed".
std::string_view to_string(Executed executed);

// A code and a sentence that names the cause and, where there is one, the cure.
struct Error {
  ErrorCode code = ErrorCode::kOk;
  std::string text{};
  // Of an RPC that failed. kNo for a call that was refused before it sent anything.
  Executed executed = Executed::kNo;
};

}  // namespace homa
